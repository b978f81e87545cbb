//! Root cause of an incident and the rule packs behind it. The answer is kept without a language; the
//! sentences are made here.

use axum::{Json, extract::State};
use iq_api_types::{
    ConditionView, Confuser, EvidenceItem, EvidenceSample, EvidenceSide, FirstMover, Hypothesis,
    HypothesisGrade, HypothesisKind, HypothesisSignal, MoveDirection, RecommendedAction, RootCause,
    RootCauseForm, RootCauseVerdict, RulePack, RulePackRef, RuleView, Sentence,
};
use iq_blackbox::rca::{ActionText, ConfuserText, Pack, Rule, RuleKind};
use iq_domain::{AssetId, IncidentId, Message, Names, Permission, SignalId, Timestamp};
use iq_locale::Language;
use iq_runtime::{
    TenantIndex,
    root_cause::{KeptAnalysis, KeptFinding, KeptHypothesis, KeptMover, KeptVerdict},
};
use iq_store::root_causes::RootCauseRow;

use crate::{
    http::{Answer, Caller, Failure, Id, Route, get},
    narrative, rule_words,
    state::ApiState,
    texts,
};

pub(crate) fn routes() -> Vec<Route> {
    vec![
        get(
            "/api/blackbox/incidents/{id}/root-cause",
            Permission::BlackboxRead,
            get_root_cause,
        )
        .answer::<RootCause>()
        .says("Why it happened, as far as the data tell: hypotheses with their evidence"),
        get("/api/rule-packs", Permission::BlackboxRead, list_rule_packs)
            .list::<RulePack>()
            .says("The rules that name failure modes"),
    ]
}

async fn get_root_cause(
    State(state): State<ApiState>,
    caller: Caller,
    Id(id): Id<IncidentId>,
) -> Answer<Json<RootCause>> {
    Ok(Json(told(&state, &caller, id).await?))
}

/// Why an incident happened, in the caller's language and as much as the caller may see.
pub(crate) async fn told(state: &ApiState, caller: &Caller, id: IncidentId) -> Answer<RootCause> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    let (row, kept) = state
        .runtime
        .root_cause(caller.tenant_id, id)
        .await?
        .ok_or_else(Failure::not_found)?;
    // Evidence is for those who work on incidents; everybody may know the outcome.
    let form = if caller.may(Permission::BlackboxWrite) {
        RootCauseForm::Full
    } else {
        RootCauseForm::Simplified
    };
    let teller = Teller {
        plant: &plant,
        language: caller.language,
        form,
    };
    Ok(RootCause {
        has_narrative: form == RootCauseForm::Full
            && narrative::is_offered(state, plant.tenant.is_demo),
        ..teller.root_cause(&row, &kept)
    })
}

/// Turns a kept answer into sentences and names.
struct Teller<'a> {
    plant: &'a TenantIndex,
    language: Language,
    form: RootCauseForm,
}

impl Teller<'_> {
    fn is_full(&self) -> bool {
        self.form == RootCauseForm::Full
    }

    fn root_cause(&self, row: &RootCauseRow, kept: &KeptAnalysis) -> RootCause {
        RootCause {
            incident_id: row.incident_id,
            form: self.form,
            version: row.version,
            inputs_hash: row.inputs_hash.clone(),
            computed_at: row.computed_at,
            window_from: kept.window_from,
            window_to: kept.window_to,
            packs: kept
                .packs
                .iter()
                .map(|p| RulePackRef {
                    id: p.id.clone(),
                    version: p.version,
                })
                .collect(),
            is_demo: self.plant.tenant.is_demo,
            verdict: match kept.verdict {
                KeptVerdict::Named => RootCauseVerdict::Named,
                KeptVerdict::Unsettled => RootCauseVerdict::Unsettled,
                KeptVerdict::Unexplained => RootCauseVerdict::Unexplained,
                KeptVerdict::NotEnoughData => RootCauseVerdict::NotEnoughData,
            },
            explanation: kept
                .explanation
                .iter()
                .map(|m| self.sentence(m, &kept.hypotheses))
                .collect(),
            hypotheses: kept
                .hypotheses
                .iter()
                .zip(1..)
                .map(|(h, rank)| self.hypothesis(h, rank))
                .collect(),
            first_movers: self.is_full().then(|| {
                kept.movers
                    .iter()
                    .zip(1..)
                    .map(|(m, rank)| self.mover(m, rank))
                    .collect()
            }),
            samples_read: kept.samples_read,
            samples_refused: kept.samples_refused,
            has_narrative: false,
        }
    }

    fn name<'n>(&self, names: &'n Names) -> &'n str {
        match self.language {
            Language::Ar => &names.ar,
            Language::En => &names.en,
        }
    }

    /// The sentence of a message; the hypotheses it is about, `mode` and `other`, are called by the names of
    /// their rules.
    fn sentence(&self, message: &Message, about: &[KeptHypothesis]) -> Sentence {
        let mut params = message.params.clone();
        let called = |id: &str| {
            let rule = about.iter().find(|h| h.rule.id == id);
            let names = rule.map_or_else(|| texts::metric_names("", id), |h| h.rule.names.clone());
            self.name(&names).to_owned()
        };
        if let Some(name) = message.params.get("mode").map(|id| called(id)) {
            params.insert("name".to_owned(), name);
        }
        if let Some(other) = params.get_mut("other") {
            *other = called(other);
        }
        Sentence {
            code: message.code.clone(),
            text: texts::of(self.language, &message.code, &params),
            params: message.params.clone(),
        }
    }

    fn code_of(&self, asset: AssetId) -> String {
        let entry = self.plant.assets.get(&asset);
        entry.map_or_else(String::new, |e| e.asset.code.clone())
    }

    fn sample(&self, signal: SignalId, t: Timestamp, value: f64) -> Option<EvidenceSample> {
        let known = &self.plant.signals.get(&signal)?.signal;
        let entry = self.plant.assets.get(&known.asset_id)?;
        Some(EvidenceSample {
            signal_id: signal,
            asset_code: entry.asset.code.clone(),
            metric: known.metric.clone(),
            names: texts::metric_names(&entry.asset.family, &known.metric),
            t,
            value,
            unit: known.unit.clone(),
        })
    }

    fn signal(&self, id: SignalId) -> Option<HypothesisSignal> {
        let known = self.plant.signals.get(&id)?;
        let entry = self.plant.assets.get(&known.signal.asset_id)?;
        Some(HypothesisSignal {
            signal_id: id,
            metric: known.signal.metric.clone(),
            names: texts::metric_names(&entry.asset.family, &known.signal.metric),
            tag: known
                .mapping
                .as_ref()
                .map(|r| r.mapping.external_tag.clone()),
        })
    }

    fn hypothesis(&self, h: &KeptHypothesis, rank: u32) -> Hypothesis {
        let full = self.is_full();
        Hypothesis {
            rank,
            id: h.rule.id.clone(),
            mode: h.rule.mode.clone(),
            mechanism: h.rule.mechanism.clone(),
            kind: kind(h.rule.kind),
            names: h.rule.names.clone(),
            asset_id: h.asset,
            asset_code: self.code_of(h.asset),
            signal: h.signal.and_then(|id| self.signal(id)),
            confidence: h.confidence,
            grade: match h.grade.as_str() {
                "likely" => HypothesisGrade::Likely,
                "possible" => HypothesisGrade::Possible,
                _ => HypothesisGrade::Unlikely,
            },
            reason: self.sentence(&h.reason, &[]),
            coverage: h.coverage,
            evidence: full.then(|| self.evidence(h)),
            contributing_factors: full.then(|| self.factors(h)),
            actions: h.rule.actions.iter().map(action).collect(),
            confusers: full.then(|| h.rule.confusers.iter().map(confuser).collect()),
        }
    }

    /// What was looked up, then what only a person can look at.
    fn evidence(&self, h: &KeptHypothesis) -> Vec<EvidenceItem> {
        let found = h.findings.iter().map(|f| self.item(f));
        let asked = h.rule.ask.iter().zip(1..).map(|(what, n)| {
            let message = Message {
                code: "rca.missing.ask".to_owned(),
                params: [("what".to_owned(), self.name(what).to_owned())].into(),
            };
            EvidenceItem {
                key: format!("ask.{n}"),
                side: EvidenceSide::Missing,
                weight: 0,
                condition: String::new(),
                finding: self.sentence(&message, &[]),
                samples: Vec::new(),
                event_ids: Vec::new(),
            }
        });
        found.chain(asked).collect()
    }

    fn item(&self, f: &KeptFinding) -> EvidenceItem {
        EvidenceItem {
            key: f.key.clone(),
            side: match f.side.as_str() {
                "for" => EvidenceSide::For,
                "against" => EvidenceSide::Against,
                "not_seen" => EvidenceSide::NotSeen,
                _ => EvidenceSide::Missing,
            },
            weight: f.weight,
            condition: f.condition.clone(),
            finding: self.finding(f),
            samples: f
                .samples
                .iter()
                .filter_map(|s| self.sample(s.signal, s.t, s.value))
                .collect(),
            event_ids: f.events.clone(),
        }
    }

    /// What was found; of a sign that is not there, what it would have been.
    fn finding(&self, f: &KeptFinding) -> Sentence {
        let mut said = f.said.clone();
        if f.side == "not_seen" {
            let words = rule_words::words(self.language, &f.condition);
            said.params.insert("what".to_owned(), words);
        }
        self.sentence(&said, &[])
    }

    /// What came before: work, hands, starts, faults upstream. Protection that acted is an outcome.
    fn factors(&self, h: &KeptHypothesis) -> Vec<Sentence> {
        let before = ["maintenance", "operator", "standby_start", "start"];
        let is_before = |code: &str| {
            let kind = code.strip_prefix("rca.found.event.");
            kind.is_some_and(|kind| before.contains(&kind))
        };
        h.findings
            .iter()
            .filter(|f| f.side != "missing")
            .filter(|f| is_before(&f.said.code) || f.key == "upstream")
            .map(|f| self.sentence(&f.said, &[]))
            .collect()
    }

    fn mover(&self, m: &KeptMover, rank: u32) -> FirstMover {
        let family = self.plant.assets.get(&m.asset).map(|e| &e.asset.family);
        let names = texts::metric_names(family.map_or("", String::as_str), &m.metric);
        FirstMover {
            rank,
            signal_id: m.signal,
            asset_id: m.asset,
            asset_code: self.code_of(m.asset),
            metric: m.metric.clone(),
            names: names.clone(),
            unit: m.unit.clone(),
            onset_at: m.onset_at,
            direction: if m.effect > 0.0 {
                MoveDirection::Rise
            } else {
                MoveDirection::Fall
            },
            effect: m.effect,
            score: m.score,
            distance: m.distance,
            usual: m.usual,
            sample: EvidenceSample {
                signal_id: m.signal,
                asset_code: self.code_of(m.asset),
                metric: m.metric.clone(),
                names,
                t: m.onset_at,
                value: m.value,
                unit: m.unit.clone(),
            },
        }
    }
}

fn kind(kind: RuleKind) -> HypothesisKind {
    match kind {
        RuleKind::Machine => HypothesisKind::Machine,
        RuleKind::Instrument => HypothesisKind::Instrument,
        RuleKind::CommonCause => HypothesisKind::CommonCause,
    }
}

fn action(text: &ActionText) -> RecommendedAction {
    RecommendedAction {
        names: text.names.clone(),
        hours_from: text.hours.map(|h| h[0]),
        hours_to: text.hours.map(|h| h[1]),
        skill: text.skill.clone(),
        spares: text.spares.clone(),
    }
}

fn confuser(text: &ConfuserText) -> Confuser {
    Confuser {
        id: text.id.clone(),
        discriminator: text.by.clone(),
    }
}

async fn list_rule_packs(
    State(state): State<ApiState>,
    caller: Caller,
) -> Answer<Json<Vec<RulePack>>> {
    let language = caller.language;
    let known = state.runtime.rule_packs();
    let packs = known
        .packs
        .iter()
        .map(|p| pack(language, p, known.own.contains(&p.id)));
    Ok(Json(packs.collect()))
}

fn pack(language: Language, pack: &Pack, is_own: bool) -> RulePack {
    RulePack {
        is_own,
        id: pack.id.clone(),
        version: pack.version,
        names: pack.names.clone(),
        families: pack.families.clone(),
        rules: pack.rules.iter().map(|r| rule(language, r)).collect(),
    }
}

fn rule(language: Language, rule: &Rule) -> RuleView {
    let sides = [
        (EvidenceSide::For, &rule.supports),
        (EvidenceSide::Against, &rule.against),
    ];
    RuleView {
        id: rule.text.id.clone(),
        mode: rule.text.mode.clone(),
        mechanism: rule.text.mechanism.clone(),
        kind: kind(rule.text.kind),
        names: rule.text.names.clone(),
        prior: rule.text.prior,
        conditions: sides
            .into_iter()
            .flat_map(|(side, list)| {
                list.iter().map(move |item| ConditionView {
                    side,
                    weight: item.weight,
                    condition: item.text.clone(),
                    words: rule_words::words(language, &item.text),
                })
            })
            .collect(),
        asks: rule.text.ask.clone(),
        lead_h: rule.text.lead_h,
        confusers: rule.text.confusers.iter().map(confuser).collect(),
        actions: rule.text.actions.iter().map(action).collect(),
    }
}
