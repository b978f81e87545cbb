//! Models of assets: trained in the background on an asset's own history, kept version by version,
//! compared with the one in force before they replace it, brought into force and back by hand.

pub(crate) mod alarm;
mod gather;
mod hindsight;
mod job;
mod life;
pub(crate) mod live;
mod remaining;

use std::sync::Arc;

use iq_analytics::{
    Withheld,
    lab::{self, AssetModel, Comparison, LabConfig},
};
use iq_domain::{AssetId, CodedError, ErrorKind, Message, TenantId, Timestamp};
use iq_store::asset_models::{self as rows, AssetModelRow, ModelState};
use serde_json::{Value, json};

pub(crate) use self::job::resume as resume_jobs;
pub(crate) use self::life::{Histories, NO_AGE, TREND_MS, condition_of, is_stale, newest};
pub use self::{
    hindsight::FamilyHindsight,
    job::{TRAIN, TrainingResult, trained_of},
    life::{Life, LifeAnswer},
    remaining::RemainingLife,
};
use crate::{AssetEntry, Inner, Runtime, TenantIndex};

/// Seed of every training: what is random in it is the same the next time.
const SEED: u64 = 1;

/// Largest budget, in alarms per week.
pub const MAX_ALARMS_PER_WEEK: f64 = 50.0;

/// A code with numbers for why there is no model or no answer.
#[must_use]
pub fn withheld_message(why: &Withheld) -> Message {
    let (code, params): (&str, Vec<(&str, u32)>) = match why {
        Withheld::NotEnoughData { have, need } => (
            "models.withheld.not_enough_data",
            vec![("have", *have), ("need", *need)],
        ),
        Withheld::NotEnoughFailures { have, need } => (
            "models.withheld.not_enough_failures",
            vec![("have", *have), ("need", *need)],
        ),
        Withheld::OutsideExperience => ("models.withheld.outside_experience", Vec::new()),
        Withheld::NoTrend => ("models.withheld.no_trend", Vec::new()),
        Withheld::TooFar => ("models.withheld.too_far", Vec::new()),
        Withheld::BadInput => ("models.withheld.bad_input", Vec::new()),
    };
    Message {
        code: code.to_owned(),
        params: params
            .into_iter()
            .map(|(k, v)| (k.to_owned(), v.to_string()))
            .collect(),
    }
}

fn say(code: &str) -> Message {
    Message {
        code: code.to_owned(),
        ..Message::default()
    }
}

fn broken() -> CodedError {
    CodedError::new(ErrorKind::Internal, "internal.error")
}

/// The model of a version.
///
/// # Errors
/// When the version was withheld, or was written by a program that is newer.
pub fn model_of(row: &AssetModelRow) -> Result<AssetModel, CodedError> {
    serde_json::from_value(row.model.clone()).map_err(|_| CodedError::conflict("models.unreadable"))
}

/// The comparison a version was let in by.
#[must_use]
pub fn comparison_of(row: &AssetModelRow) -> Option<Comparison> {
    serde_json::from_value(row.comparison.clone()).ok()
}

/// A back-test with what it was made from.
#[derive(Clone, Debug)]
pub struct BackTestOf {
    /// The version.
    pub version: u32,
    /// Names of its inputs.
    pub inputs: Vec<String>,
    /// The limit used.
    pub limit: f64,
    /// The budget of false alarms per week behind it.
    pub alarms_per_week: f64,
    /// What came out.
    pub result: lab::BackTest,
}

/// What training an asset came to.
enum Outcome {
    /// A version in force.
    Promoted,
    /// A version that is worse than the one in force.
    Kept,
    /// None.
    Withheld,
}

impl Runtime {
    fn asset_of(&self, tenant: TenantId, asset: AssetId) -> Result<Arc<TenantIndex>, CodedError> {
        let plant = self.tenant(tenant)?;
        if plant.assets.contains_key(&asset) {
            Ok(plant)
        } else {
            Err(CodedError::not_found("assets.not_found"))
        }
    }

    /// All versions of an asset, newest first.
    pub async fn asset_models(
        &self,
        tenant: TenantId,
        asset: AssetId,
    ) -> Result<Vec<AssetModelRow>, CodedError> {
        self.asset_of(tenant, asset)?;
        let read = move |conn: &iq_store::Connection| rows::list_asset_models(conn, tenant, asset);
        Ok(self.0.store.read(read).await?)
    }

    /// Brings a version into force; scoring follows it from the next look on.
    ///
    /// # Errors
    /// When there is no such version, it was withheld, or it is in force already.
    pub async fn promote_model(
        &self,
        tenant: TenantId,
        asset: AssetId,
        version: u32,
        actor: &str,
    ) -> Result<AssetModelRow, CodedError> {
        self.asset_of(tenant, asset)?;
        let (actor, now) = (actor.to_owned(), self.0.clock.now());
        let row = self
            .0
            .store
            .write(move |tx| {
                let row = rows::get_asset_model(tx, tenant, asset, version)?
                    .ok_or(CodedError::conflict("models.not_found"))?;
                match row.state {
                    ModelState::Withheld => return Err(CodedError::conflict("models.none").into()),
                    ModelState::Promoted => {
                        return Err(CodedError::conflict("models.in_force").into());
                    }
                    ModelState::Candidate | ModelState::Retired => {}
                }
                model_of(&row)?;
                rows::promote_asset_model(tx, tenant, asset, version, (&actor, now))?;
                rows::get_asset_model(tx, tenant, asset, version)
            })
            .await?
            .ok_or(CodedError::conflict("models.not_found"))?;
        live::follow(&self.0, &row);
        Ok(row)
    }

    /// Brings the version back that was in force before.
    ///
    /// # Errors
    /// When there is none.
    pub async fn roll_back_model(
        &self,
        tenant: TenantId,
        asset: AssetId,
        actor: &str,
    ) -> Result<AssetModelRow, CodedError> {
        let all = self.asset_models(tenant, asset).await?;
        let before = all
            .iter()
            .filter(|row| row.state == ModelState::Retired)
            .max_by_key(|row| (row.promoted_at, row.version))
            .ok_or(CodedError::conflict("models.nothing_before"))?;
        self.promote_model(tenant, asset, before.version, actor)
            .await
    }

    /// Changes the budget of the version in force, and with it its limit.
    ///
    /// # Errors
    /// When no version is in force.
    pub async fn set_alarm_budget(
        &self,
        tenant: TenantId,
        asset: AssetId,
        alarms_per_week: f64,
    ) -> Result<AssetModelRow, CodedError> {
        self.asset_of(tenant, asset)?;
        let row = self
            .0
            .store
            .write(move |tx| {
                let row = rows::get_promoted_model(tx, tenant, asset)?
                    .ok_or(CodedError::conflict("models.none"))?;
                let limit = model_of(&row)?.curve.limit_at(alarms_per_week);
                let budget = (alarms_per_week, limit);
                rows::update_alarm_budget(tx, tenant, asset, row.version, budget)?;
                rows::get_promoted_model(tx, tenant, asset)
            })
            .await?
            .ok_or(CodedError::conflict("models.none"))?;
        live::follow(&self.0, &row);
        Ok(row)
    }

    /// Walks a version through the history there is.
    ///
    /// # Errors
    /// When there is no such version, or it has no model.
    pub async fn back_test(
        &self,
        tenant: TenantId,
        asset: AssetId,
        version: u32,
        alarms_per_week: Option<f64>,
    ) -> Result<BackTestOf, CodedError> {
        let plant = self.asset_of(tenant, asset)?;
        let row = self
            .0
            .store
            .read(move |conn| rows::get_asset_model(conn, tenant, asset, version))
            .await?
            .ok_or(CodedError::conflict("models.not_found"))?;
        if row.withheld.is_some() {
            return Err(CodedError::conflict("models.none"));
        }
        let model = model_of(&row)?;
        let stored = row.alarm_limit.unwrap_or(1.0);
        let limit = alarms_per_week.map_or(stored, |budget| model.curve.limit_at(budget));
        let entry = plant.assets.get(&asset).ok_or_else(broken)?;
        let plan = gather::plan(&self.0, &plant, entry).await?;
        let historian = self.0.historian.clone();
        let now = self.0.clock.now();
        let result = tokio::task::spawn_blocking(move || {
            let history = plan.history(&historian, model.row_ms, now)?;
            let inputs = model.multi.card.inputs.clone();
            let result = lab::back_test(&model.multi, limit, &history);
            Ok::<_, CodedError>((inputs, result))
        })
        .await
        .map_err(|_| broken())?;
        let (inputs, result) = result?;
        Ok(BackTestOf {
            version,
            inputs,
            limit,
            alarms_per_week: alarms_per_week.unwrap_or(row.alarms_per_week),
            result,
        })
    }
}

/// Trains a model of one asset, keeps it, and lets it in where it is not worse than the one in force.
async fn train_asset(
    inner: &Arc<Inner>,
    plant: &TenantIndex,
    entry: &AssetEntry,
    actor: &str,
) -> Result<Outcome, CodedError> {
    let (tenant, asset) = (entry.asset.tenant_id, entry.asset.id);
    let in_force = inner
        .store
        .read(move |conn| rows::get_promoted_model(conn, tenant, asset))
        .await?;
    let plan = gather::plan(inner, plant, entry).await?;
    let budget = in_force.as_ref().map_or(1.0, |row| row.alarms_per_week);
    let now = inner.clock.now();
    let trained = match plan.refused() {
        Some(message) => Err(message),
        None => learn(inner, plan, in_force.as_ref(), budget, now).await?,
    };
    let is_better = trained
        .as_ref()
        .is_ok_and(|trained| trained.comparison.is_not_worse());
    let (model, comparison, limit, withheld) = match trained {
        Ok(found) => (
            json!(found.model),
            json!(found.comparison),
            Some(found.limit),
            None,
        ),
        Err(message) => (Value::Null, Value::Null, None, Some(message)),
    };
    let is_withheld = withheld.is_some();
    let row = AssetModelRow {
        tenant_id: tenant,
        asset_id: asset,
        version: 0,
        state: ModelState::Candidate,
        model,
        alarm_limit: limit,
        alarms_per_week: budget,
        comparison,
        withheld,
        is_demo: plant.tenant.is_demo,
        created_by: actor.to_owned(),
        created_at: now,
        promoted_by: None,
        promoted_at: None,
    };
    let actor = actor.to_owned();
    let row = inner
        .store
        .write(move |tx| {
            let row = rows::append_asset_model(tx, tenant, row)?;
            if is_better {
                let by = (actor.as_str(), now);
                rows::promote_asset_model(tx, tenant, asset, row.version, by)?;
            }
            Ok(row)
        })
        .await?;
    if is_better {
        live::follow(inner, &row);
        return Ok(Outcome::Promoted);
    }
    Ok(if is_withheld {
        Outcome::Withheld
    } else {
        Outcome::Kept
    })
}

/// Reads the history and learns from it, beside the version in force. Work for a thread of its own.
async fn learn(
    inner: &Arc<Inner>,
    plan: gather::Plan,
    in_force: Option<&AssetModelRow>,
    alarms_per_week: f64,
    now: Timestamp,
) -> Result<Result<lab::Trained, Message>, CodedError> {
    let current =
        in_force.and_then(|row| Some((model_of(row).ok()?, row.alarm_limit.unwrap_or(1.0))));
    let historian = inner.historian.clone();
    let config = LabConfig {
        seed: SEED,
        alarms_per_week,
        ..LabConfig::default()
    };
    let trained = tokio::task::spawn_blocking(move || {
        let history = plan.newest(&historian, now)?;
        let beside = current
            .as_ref()
            .map(|(model, limit)| (&model.multi, *limit));
        Ok::<_, CodedError>(lab::train(&history, beside, &config))
    })
    .await
    .map_err(|_| broken())??;
    Ok(trained.map_err(|why| withheld_message(&why)))
}
