//! Why an incident happened: hypotheses with their evidence, the signals that moved first, and the
//! rule packs behind them.

use std::collections::BTreeMap;

use iq_domain::{AssetId, EventId, IncidentId, Names, SignalId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A sentence in the caller's language, with the code and the arguments it was made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Sentence {
    /// Stable code ("rca.evidence.ratio").
    pub code: String,
    /// Arguments.
    pub params: BTreeMap<String, String>,
    /// The sentence.
    pub text: String,
}

/// What an analysis ended with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RootCauseVerdict {
    /// One hypothesis stands out: `hypotheses[0]`.
    Named,
    /// Several are about as good: look at what is missing.
    Unsettled,
    /// The data show nothing that a rule explains.
    Unexplained,
    /// Too little raw data in the window to say anything.
    NotEnoughData,
}

/// How sure a hypothesis is, in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HypothesisGrade {
    /// Supported, and enough of its evidence could be looked at.
    Likely,
    /// Supported in part.
    Possible,
    /// Little speaks for it, or something against it.
    Unlikely,
}

/// What a hypothesis is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HypothesisKind {
    /// The machine failed.
    Machine,
    /// An instrument failed; the machine is well.
    Instrument,
    /// Something outside acted on several assets.
    CommonCause,
}

/// Which side an item of evidence is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EvidenceSide {
    /// Speaks for the hypothesis.
    For,
    /// Speaks against it.
    Against,
    /// A sign that was looked for and is not there.
    NotSeen,
    /// Would settle it, and could not be looked at.
    Missing,
}

/// A stored sample a statement rests on. Always raw: interpolated and rolled-up points are refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EvidenceSample {
    /// Signal; opens the chart at `t`.
    pub signal_id: SignalId,
    /// Code of the asset.
    pub asset_code: String,
    /// Metric key.
    pub metric: String,
    /// Names of the metric.
    pub names: Names,
    /// Source time.
    pub t: Timestamp,
    /// Value.
    pub value: f64,
    /// Unit.
    pub unit: String,
}

/// One item of evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EvidenceItem {
    /// Its place in the pack ("for.1"), stable within a pack version.
    pub key: String,
    /// Side.
    pub side: EvidenceSide,
    /// 3 decisive, 2 strong, 1 supportive.
    pub weight: u8,
    /// What was looked for, in the language of the pack ("rises bearing_acceleration ratio>=2").
    pub condition: String,
    /// What was found; for a missing one, why it could not be looked at or what would settle it.
    pub finding: Sentence,
    /// Samples it rests on, at most eight.
    pub samples: Vec<EvidenceSample>,
    /// Events it rests on.
    pub event_ids: Vec<EventId>,
}

/// Something to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RecommendedAction {
    /// What.
    pub names: Names,
    /// Active repair, least hours.
    pub hours_from: Option<f64>,
    /// Active repair, most hours.
    pub hours_to: Option<f64>,
    /// Skills.
    pub skill: Option<Names>,
    /// Spares.
    pub spares: Option<Names>,
}

/// A possible cause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Hypothesis {
    /// Place, from 1.
    pub rank: u32,
    /// Rule of the pack ("CP-LUB").
    pub id: String,
    /// Failure mode after ISO 14224 ("OHE").
    pub mode: String,
    /// Mechanism after ISO 14224, table B.2 ("2.7").
    pub mechanism: Option<String>,
    /// Kind.
    pub kind: HypothesisKind,
    /// Names.
    pub names: Names,
    /// The asset it is about.
    pub asset_id: AssetId,
    /// Its code.
    pub asset_code: String,
    /// The signal a rule about instruments matched.
    pub signal: Option<HypothesisSignal>,
    /// 0 to 1.
    pub confidence: f64,
    /// In words.
    pub grade: HypothesisGrade,
    /// Why the confidence is what it is.
    pub reason: Sentence,
    /// Share of the rule's evidence, by weight, that could be looked at; 0 to 1.
    pub coverage: f64,
    /// For, against, missing, by weight. `null` in the simplified form.
    pub evidence: Option<Vec<EvidenceItem>>,
    /// What made it more likely. `null` in the simplified form.
    pub contributing_factors: Option<Vec<Sentence>>,
    /// What to do.
    pub actions: Vec<RecommendedAction>,
    /// Rules that look alike. `null` in the simplified form.
    pub confusers: Option<Vec<Confuser>>,
}

/// The instrument a hypothesis is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HypothesisSignal {
    /// Signal.
    pub signal_id: SignalId,
    /// Metric key.
    pub metric: String,
    /// Names of the metric.
    pub names: Names,
    /// External tag.
    pub tag: Option<String>,
}

/// A rule that looks like another one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Confuser {
    /// Rule, where it is one of a pack.
    pub id: String,
    /// What tells them apart.
    pub discriminator: Names,
}

/// A signal that left its usual range, by the data alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FirstMover {
    /// Place, from 1.
    pub rank: u32,
    /// Signal.
    pub signal_id: SignalId,
    /// Asset.
    pub asset_id: AssetId,
    /// Its code.
    pub asset_code: String,
    /// Metric key.
    pub metric: String,
    /// Names of the metric.
    pub names: Names,
    /// Unit.
    pub unit: String,
    /// When its level changed.
    pub onset_at: Timestamp,
    /// Which way.
    pub direction: MoveDirection,
    /// Size of the change in its own usual deviations.
    pub effect: f64,
    /// 0 to 1, relative to the first.
    pub score: f64,
    /// Steps along the topology from the incident's asset; negative is upstream, `null` unconnected.
    pub distance: Option<i32>,
    /// Usual value.
    pub usual: f64,
    /// The sample that began it.
    pub sample: EvidenceSample,
}

/// Which way a signal went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MoveDirection {
    /// Above its usual range.
    Rise,
    /// Below it.
    Fall,
}

/// Which pack was used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RulePackRef {
    /// Id ("centrifugal_pump").
    pub id: String,
    /// Version of its data.
    pub version: u32,
}

/// How much of an answer the caller may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RootCauseForm {
    /// Everything.
    Full,
    /// Title, mode, confidence and recommendations; no evidence, no first movers.
    Simplified,
}

/// Why an incident happened, as far as the data tell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RootCause {
    /// Incident.
    pub incident_id: IncidentId,
    /// Form.
    pub form: RootCauseForm,
    /// Result number of this incident, from 1; grows when the data or the packs changed.
    pub version: u32,
    /// SHA-256 of the inputs (samples, events, topology, packs), lower-case hex.
    pub inputs_hash: String,
    /// When it was computed.
    pub computed_at: Timestamp,
    /// Window that was looked at.
    pub window_from: Timestamp,
    /// Window that was looked at.
    pub window_to: Timestamp,
    /// Packs it was computed with.
    pub packs: Vec<RulePackRef>,
    /// The incident belongs to a demo tenant: shown with every answer.
    pub is_demo: bool,
    /// Verdict.
    pub verdict: RootCauseVerdict,
    /// One explanation of rules and data together, sentence by sentence.
    pub explanation: Vec<Sentence>,
    /// Best first; at most eight.
    pub hypotheses: Vec<Hypothesis>,
    /// Signals that moved, the likeliest origin first; at most twelve. `null` in the simplified form.
    pub first_movers: Option<Vec<FirstMover>>,
    /// Raw samples that were read.
    pub samples_read: u64,
    /// Points that were refused because they are no raw, good samples.
    pub samples_refused: u64,
    /// A summary by a language model can be asked for.
    pub has_narrative: bool,
}

/// A summary that a language model wrote; it may be wrong, and is no evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Narrative {
    /// The text.
    pub text: String,
    /// The model that was asked for.
    pub model: String,
    /// Where it was asked.
    pub host: String,
    /// When.
    pub at: Timestamp,
}

/// A rule pack, for reading.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RulePack {
    /// Id.
    pub id: String,
    /// Version of its data.
    pub version: u32,
    /// Names.
    pub names: Names,
    /// Families it is for; empty = every family.
    pub families: Vec<String>,
    /// The plant's own, in the place of the program's or beside them.
    pub is_own: bool,
    /// Rules.
    pub rules: Vec<RuleView>,
}

/// A rule of a pack.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RuleView {
    /// Id.
    pub id: String,
    /// Failure mode.
    pub mode: String,
    /// Mechanism.
    pub mechanism: Option<String>,
    /// Kind.
    pub kind: HypothesisKind,
    /// Names.
    pub names: Names,
    /// Share of this family's failures before anything is seen, 0 to 1.
    pub prior: f64,
    /// Its conditions.
    pub conditions: Vec<ConditionView>,
    /// What no signal can tell.
    pub asks: Vec<Names>,
    /// Hours from the first sign to the failure: least, most.
    pub lead_h: Option<[f64; 2]>,
    /// Look-alikes.
    pub confusers: Vec<Confuser>,
    /// What to do.
    pub actions: Vec<RecommendedAction>,
}

/// A condition of a rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ConditionView {
    /// `for` or `against`.
    pub side: EvidenceSide,
    /// 3 decisive, 2 strong, 1 supportive.
    pub weight: u8,
    /// In the language of the pack.
    pub condition: String,
    /// As a sentence.
    pub words: String,
}
