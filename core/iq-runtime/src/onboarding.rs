//! First steps of a tenant: what is done and what is missing, computed from the data each time. Only
//! "the profile is complete" is a person's word; nothing else is remembered, so that nothing can be
//! said to be done that is not.

use iq_domain::{
    ActionStatus, AssetId, CodedError, IntegrationId, IntegrationStatus, Message, TenantId,
    Timestamp,
};
use iq_store::{cost_models, integration_actions, scenarios, settings};
use serde::{Deserialize, Serialize};

use crate::{Runtime, TenantIndex};

const SETTING: &str = "onboarding_profile";

/// How many missing things a step names.
const MAX_MISSING: usize = 20;

/// The steps in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKey {
    /// Names, sites, units, assets.
    Profile,
    /// Connections to source systems.
    Integrations,
    /// Each of them tested.
    ConnectionTests,
    /// Tags mapped to assets.
    SignalMapping,
    /// Costs and risks.
    CostModel,
    /// The first optimisation run.
    FirstRun,
}

/// Something a step still lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// What.
    pub message: Message,
    /// The page where it is done.
    pub link: String,
}

/// A step.
#[derive(Clone, Debug, PartialEq)]
pub struct OnboardingStep {
    /// Which.
    pub key: StepKey,
    /// Whether this version can do it.
    pub is_available: bool,
    /// Whether it is done.
    pub is_done: bool,
    /// What is missing.
    pub missing: Vec<Missing>,
    /// How many things are missing in all.
    pub missing_total: usize,
    /// Its page.
    pub link: String,
}

/// All steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Onboarding {
    /// The steps in their order.
    pub steps: Vec<OnboardingStep>,
    /// Who called the profile complete, and when.
    pub profile: Option<ProfileMark>,
    /// Assets with a score.
    pub scored_assets: u64,
    /// One of them.
    pub first_scored: Option<AssetId>,
}

/// A person's word that the profile is complete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileMark {
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

impl Runtime {
    /// How far the tenant has come.
    pub async fn onboarding(&self, tenant: TenantId) -> Result<Onboarding, CodedError> {
        let plant = self.tenant(tenant)?;
        let ids: Vec<IntegrationId> = plant.integrations.keys().copied().collect();
        let (profile, tested, has_costs, plans) = self
            .0
            .store
            .read(move |conn| {
                let profile = settings::get_tenant_setting(conn, tenant, SETTING)?;
                let mut passed = Vec::new();
                for id in ids {
                    let last = integration_actions::get_last_integration_action(
                        conn,
                        tenant,
                        id,
                        "test_connection",
                    )?;
                    if last.is_some_and(|a| a.status == ActionStatus::Success) {
                        passed.push(id);
                    }
                }
                let costs = cost_models::get_active_cost_model(conn, tenant)?;
                let plans = scenarios::count_scenarios_done(conn, tenant)?;
                Ok((profile, passed, costs.is_some(), plans))
            })
            .await?;
        let profile = profile.and_then(|v| serde_json::from_value(v).ok());
        let mut scored: Vec<(String, AssetId)> = plant
            .assets
            .values()
            .filter(|entry| {
                self.0
                    .scores
                    .latest(entry.asset.id)
                    .is_some_and(|a| a.health.is_some())
            })
            .map(|entry| (entry.asset.code.clone(), entry.asset.id))
            .collect();
        scored.sort();
        Ok(Onboarding {
            steps: [
                steps(&plant, profile.is_some(), &tested, |kind| {
                    self.reads_tags(kind)
                }),
                vec![costs(has_costs), self.first_run(plans)],
            ]
            .concat(),
            profile,
            scored_assets: scored.len() as u64,
            first_scored: scored.first().map(|(_, id)| *id),
        })
    }

    /// Calls the profile complete, or takes it back.
    pub async fn mark_profile(
        &self,
        tenant: TenantId,
        is_done: bool,
        actor: &str,
    ) -> Result<(), CodedError> {
        let mark = is_done.then(|| ProfileMark {
            by: actor.to_owned(),
            at: self.0.clock.now(),
        });
        let value = serde_json::json!(mark);
        self.0
            .store
            .write(move |tx| settings::put_tenant_setting(tx, tenant, SETTING, &value))
            .await?;
        Ok(())
    }

    /// The first run: switched off, there is nothing anybody could do about it here.
    fn first_run(&self, plans: u64) -> OnboardingStep {
        if let Err(off) = self.optimiser_is_on() {
            return unavailable(StepKey::FirstRun, off.code);
        }
        let lacks = missing("onboarding.no_plan", &[], "/optimization");
        let found = (plans == 0).then_some(lacks);
        step(
            StepKey::FirstRun,
            "/optimization",
            found.into_iter().collect(),
        )
    }

    /// Whether tags of this kind are mapped: a maintenance system has equipment instead.
    fn reads_tags(&self, kind: &str) -> bool {
        self.0
            .connectors
            .get(kind)
            .is_ok_and(|c| !c.spec().capabilities.maintenance)
    }
}

fn steps(
    plant: &TenantIndex,
    is_profile_marked: bool,
    tested: &[IntegrationId],
    reads_tags: impl Fn(&str) -> bool,
) -> Vec<OnboardingStep> {
    vec![
        profile(plant, is_profile_marked),
        integrations(plant),
        tests(plant, tested),
        mapping(plant, reads_tags),
    ]
}

fn missing(code: &str, params: &[(&str, &str)], link: impl Into<String>) -> Missing {
    Missing {
        message: Message {
            code: code.to_owned(),
            params: params
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
        },
        link: link.into(),
    }
}

fn step(key: StepKey, link: &str, mut found: Vec<Missing>) -> OnboardingStep {
    let missing_total = found.len();
    found.truncate(MAX_MISSING);
    OnboardingStep {
        key,
        is_available: true,
        is_done: missing_total == 0,
        missing: found,
        missing_total,
        link: link.to_owned(),
    }
}

fn costs(is_set: bool) -> OnboardingStep {
    let page = "/integrations?tab=costs";
    let found = (!is_set).then(|| missing("onboarding.no_costs", &[], page));
    step(StepKey::CostModel, page, found.into_iter().collect())
}

fn unavailable(key: StepKey, why: &str) -> OnboardingStep {
    OnboardingStep {
        key,
        is_available: false,
        is_done: false,
        missing: vec![missing(why, &[], "")],
        missing_total: 1,
        link: String::new(),
    }
}

fn profile(plant: &TenantIndex, is_marked: bool) -> OnboardingStep {
    let mut found = Vec::new();
    let names = &plant.tenant.names;
    if names.en.trim().is_empty() && names.ar.trim().is_empty() {
        found.push(missing("onboarding.no_name", &[], "/settings"));
    }
    for (is_empty, code) in [
        (plant.sites.is_empty(), "onboarding.no_site"),
        (plant.units.is_empty(), "onboarding.no_unit"),
        (plant.assets.is_empty(), "onboarding.no_asset"),
    ] {
        if is_empty {
            found.push(missing(code, &[], "/assets"));
        }
    }
    if !is_marked {
        found.push(missing(
            "onboarding.profile_not_marked",
            &[],
            "/onboarding#profile",
        ));
    }
    step(StepKey::Profile, "/assets", found)
}

fn integrations(plant: &TenantIndex) -> OnboardingStep {
    let mut found = Vec::new();
    if plant.integrations.is_empty() {
        found.push(missing(
            "onboarding.no_integration",
            &[],
            "/integrations/new",
        ));
    } else if !plant.integrations.values().any(|i| i.is_enabled) {
        let mut all: Vec<_> = plant.integrations.values().collect();
        all.sort_by_key(|i| i.created_at);
        for row in all {
            found.push(missing(
                "onboarding.integration_disabled",
                &[("name", &row.name)],
                format!("/integrations/{}", row.id),
            ));
        }
    }
    step(StepKey::Integrations, "/integrations", found)
}

fn tests(plant: &TenantIndex, tested: &[IntegrationId]) -> OnboardingStep {
    let mut enabled: Vec<_> = plant
        .integrations
        .values()
        .filter(|i| i.is_enabled)
        .collect();
    enabled.sort_by(|a, b| a.name.cmp(&b.name));
    let mut found: Vec<Missing> = enabled
        .iter()
        // Values that arrive say more than any test.
        .filter(|i| i.status != IntegrationStatus::Streaming && !tested.contains(&i.id))
        .map(|i| {
            missing(
                "onboarding.not_tested",
                &[("name", &i.name)],
                format!("/integrations/{}", i.id),
            )
        })
        .collect();
    if enabled.is_empty() {
        found.push(missing("onboarding.nothing_to_test", &[], "/integrations"));
    }
    step(StepKey::ConnectionTests, "/integrations", found)
}

fn mapping(plant: &TenantIndex, reads_tags: impl Fn(&str) -> bool) -> OnboardingStep {
    let page = format!("/tenant/{}/data-mapping", plant.tenant.id);
    let mut found = Vec::new();
    let mut sources: Vec<_> = plant
        .integrations
        .values()
        .filter(|i| i.is_enabled && reads_tags(&i.kind))
        .collect();
    sources.sort_by(|a, b| a.name.cmp(&b.name));
    for source in &sources {
        if plant.tags_of(source.id).is_empty() {
            found.push(missing(
                "onboarding.source_unmapped",
                &[("name", &source.name)],
                format!("{page}?tab=bulk&integration={}", source.id),
            ));
        }
    }
    if sources.is_empty() {
        found.push(missing("onboarding.nothing_to_map", &[], "/integrations"));
    }
    let mut bare: Vec<_> = plant
        .assets
        .values()
        .filter(|entry| {
            !entry
                .signals
                .iter()
                .any(|s| plant.signals.get(s).is_some_and(|s| s.mapping.is_some()))
        })
        .map(|entry| (entry.asset.code.as_str(), entry.asset.id))
        .collect();
    bare.sort_unstable();
    for (code, id) in bare {
        found.push(missing(
            "onboarding.asset_unmapped",
            &[("asset", code)],
            format!("{page}?tab=bulk&asset={id}"),
        ));
    }
    step(StepKey::SignalMapping, &page, found)
}
