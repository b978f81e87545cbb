// Requests and answers of the API, from the schema generated out of the server's code.
import type { components } from './schema';

type Schemas = components['schemas'];

/** The server always sends the keys of an answer; what the schema calls optional is null then. */
type Answer<T> = T extends readonly (infer I)[] ? Answer<I>[] : T extends object ? { [K in keyof T]-?: Answer<Exclude<T[K], undefined>> } : T;

export type ActionStatus = Schemas['ActionStatus'];
export type AlertState = Schemas['AlertState'];
export type AssetStatus = Schemas['AssetStatus'];
export type AuthSource = Schemas['AuthSource'];
export type Connectivity = Schemas['Connectivity'];
export type Criticality = Schemas['Criticality'];
export type EventCategory = Schemas['EventCategory'];
export type EventRelation = Schemas['EventRelation'];
export type IncidentStatus = Schemas['IncidentStatus'];
export type IncidentType = Schemas['IncidentType'];
export type IntegrationStatus = Schemas['IntegrationStatus'];
export type OrderConfidence = Schemas['OrderConfidence'];
export type Provenance = Schemas['Provenance'];
export type Quality = Schemas['Quality'];
export type Role = Schemas['Role'];
export type Severity = Schemas['Severity'];
export type StageStatus = Schemas['StageStatus'];
export type TrustState = Schemas['TrustState'];
export type ValueSource = Schemas['ValueSource'];

export type MatchState = Schemas['MatchState'];
export type OutboxState = Schemas['OutboxState'];
export type WorkOrderKind = Schemas['WorkOrderKind'];
export type WorkOrderPriority = Schemas['WorkOrderPriority'];
export type WorkOrderStatus = Schemas['WorkOrderStatus'];

export type AcknowledgeRequest = Schemas['AcknowledgeRequest'];
export type AlarmStanding = Schemas['AlarmStanding'];
export type AlertRuleInput = Schemas['AlertRuleInput'];
export type AssetInput = Schemas['AssetInput'];
export type BulkRequest = Schemas['BulkRequest'];
export type ChoicesRequest = Schemas['ChoicesRequest'];
export type ChangePasswordRequest = Schemas['ChangePasswordRequest'];
export type DraftRowsRequest = Schemas['DraftRowsRequest'];
export type EndpointsRequest = Schemas['EndpointsRequest'];
export type IncidentPatch = Schemas['IncidentPatch'];
export type InjectRequest = Schemas['InjectRequest'];
export type IntegrationInput = Schemas['IntegrationInput'];
export type MappingInput = Schemas['MappingInput'];
export type NoteInput = Schemas['NoteInput'];
export type PreviewRequest = Schemas['PreviewRequest'];
export type PushContent = Schemas['PushContent'];
export type PushRequest = Schemas['PushRequest'];
export type PushApproval = Schemas['PushApproval'];
export type PushResolution = Schemas['PushResolution'];
export type ResetRequest = Schemas['ResetRequest'];
export type RuleCondition = Schemas['RuleCondition'];
export type ScenarioRequest = Schemas['ScenarioRequest'];
export type SetupRequest = Schemas['SetupRequest'];
export type SettleObject = Schemas['SettleObject'];
export type SignInRequest = Schemas['SignInRequest'];
export type SiteInput = Schemas['SiteInput'];
export type ImportMode = Schemas['ImportMode'];
export type PatternSyntax = Schemas['PatternSyntax'];
export type RejectSuggestion = Schemas['RejectSuggestion'];
export type SelectRequest = Schemas['SelectRequest'];
export type SuggestRequest = Schemas['SuggestRequest'];
export type TenantUserInput = Schemas['TenantUserInput'];
export type TrustRequest = Schemas['TrustRequest'];
export type UnitInput = Schemas['UnitInput'];
export type UserSettings = Schemas['UserSettings'];

export type WorkOrderInput = Schemas['WorkOrderInput'];
export type WorkOrderPatch = Schemas['WorkOrderPatch'];
export type WorkOrderSettings = Schemas['WorkOrderSettings'];

export type ActionLogRow = Answer<Schemas['ActionLogRow']>;
export type ActiveFault = Answer<Schemas['ActiveFault']>;
export type AlarmBin = Answer<Schemas['AlarmBin']>;
export type AlarmChatter = Answer<Schemas['AlarmChatter']>;
export type AlarmFlood = Answer<Schemas['AlarmFlood']>;
export type AlarmKpi = Answer<Schemas['AlarmKpi']>;
export type AlarmLine = Answer<Schemas['AlarmLine']>;
export type AlarmName = Answer<Schemas['AlarmName']>;
export type AlarmReport = Answer<Schemas['AlarmReport']>;
export type AlarmResponse = Answer<Schemas['AlarmResponse']>;
export type AlarmStale = Answer<Schemas['AlarmStale']>;
export type Alert = Answer<Schemas['Alert']>;
export type AlertRule = Answer<Schemas['AlertRule']>;
export type ApiError = Answer<Schemas['ApiError']>;
export type Assessment = Answer<Schemas['Assessment']>;
export type Asset = Answer<Schemas['Asset']>;
export type AssetStatusChange = Answer<Schemas['AssetStatusChange']>;
export type AttentionRow = Answer<Schemas['AttentionRow']>;
export type AuditRow = Answer<Schemas['AuditRow']>;
export type BaselineBand = Answer<Schemas['BaselineBand']>;
export type BrowseItem = Answer<Schemas['BrowseItem']>;
export type BrowsePage = Answer<Schemas['BrowsePage']>;
export type Candidate = Answer<Schemas['Candidate']>;
export type Choice = Answer<Schemas['Choice']>;
export type ConnectorType = Answer<Schemas['ConnectorType']>;
export type Contributor = Answer<Schemas['Contributor']>;
export type CreatedUser = Answer<Schemas['CreatedUser']>;
export type DeletionPreview = Answer<Schemas['DeletionPreview']>;
export type Diagnostics = Answer<Schemas['Diagnostics']>;
export type DoctorFinding = Answer<Schemas['DoctorFinding']>;
export type DoctorReport = Answer<Schemas['DoctorReport']>;
export type EffectiveValue = Answer<Schemas['EffectiveValue']>;
export type EndpointOffer = Answer<Schemas['EndpointOffer']>;
export type Event = Answer<Schemas['Event']>;
export type FamilyTemplate = Answer<Schemas['FamilyTemplate']>;
export type FieldProblem = Answer<Schemas['FieldProblem']>;
export type HistogramBin = Answer<Schemas['HistogramBin']>;
export type ImportReport = Answer<Schemas['ImportReport']>;
export type ImportRowError = Answer<Schemas['ImportRowError']>;
export type IncidentDetail = Answer<Schemas['IncidentDetail']>;
export type IncidentNote = Answer<Schemas['IncidentNote']>;
export type IncidentRow = Answer<Schemas['IncidentRow']>;
export type Integration = Answer<Schemas['Integration']>;
export type IntegrationState = Answer<Schemas['IntegrationState']>;
export type Job = Answer<Schemas['Job']>;
export type JobStep = Answer<Schemas['JobStep']>;
export type Limits = Schemas['Limits'];
export type LiveValue = Answer<Schemas['LiveValue']>;
export type Mapping = Answer<Schemas['Mapping']>;
export type DriftFinding = Answer<Schemas['DriftFinding']>;
export type DriftRun = Answer<Schemas['DriftRun']>;
export type MappingChange = Answer<Schemas['MappingChange']>;
export type MappingCoverage = Answer<Schemas['MappingCoverage']>;
export type MappingDiff = Answer<Schemas['MappingDiff']>;
export type MappingPreview = Answer<Schemas['MappingPreview']>;
export type SelectedTags = Answer<Schemas['SelectedTags']>;
export type MetricTemplate = Answer<Schemas['MetricTemplate']>;
export type Names = Answer<Schemas['Names']>;
export type OnboardingProgress = Answer<Schemas['OnboardingProgress']>;
export type OnboardingStep = Answer<Schemas['OnboardingStep']>;
export type OtLoad = Answer<Schemas['OtLoad']>;
export type Overview = Answer<Schemas['Overview']>;
export type OwnCertificate = Answer<Schemas['OwnCertificate']>;
export type PlantFault = Answer<Schemas['PlantFault']>;
export type PlantScenario = Answer<Schemas['PlantScenario']>;
export type PlantStatus = Answer<Schemas['PlantStatus']>;
export type PreviewValue = Answer<Schemas['PreviewValue']>;
export type RelatedAsset = Answer<Schemas['RelatedAsset']>;
export type SampleRows = Answer<Schemas['SampleRows']>;
export type Series = Answer<Schemas['Series']>;
export type ServerCertificate = Answer<Schemas['ServerCertificate']>;
export type SessionInfo = Answer<Schemas['SessionInfo']>;
export type SessionRow = Answer<Schemas['SessionRow']>;
export type SetupResult = Answer<Schemas['SetupResult']>;
export type SetupStatus = Answer<Schemas['SetupStatus']>;
export type SignalDetail = Answer<Schemas['SignalDetail']>;
export type Site = Answer<Schemas['Site']>;
export type SourceFreshness = Answer<Schemas['SourceFreshness']>;
export type ImportColumn = Answer<Schemas['ImportColumn']>;
export type ImportFile = Answer<Schemas['ImportFile']>;
export type ImportLayout = Answer<Schemas['ImportLayout']>;
export type ImportReading = Answer<Schemas['ImportReading']>;
export type ImportState = Schemas['ImportState'];
export type StatusCounts = Answer<Schemas['StatusCounts']>;
export type StatusMessage = Answer<Schemas['StatusMessage']>;
export type SuggestTag = Answer<Schemas['SuggestTag']>;
export type TagSuggestion = Answer<Schemas['TagSuggestion']>;
export type TenantUser = Answer<Schemas['TenantUser']>;
export type TestReport = Answer<Schemas['TestReport']>;
export type TestStage = Answer<Schemas['TestStage']>;
export type Timeline = Answer<Schemas['Timeline']>;
export type TimelineEvent = Answer<Schemas['TimelineEvent']>;
export type TimelineTrend = Answer<Schemas['TimelineTrend']>;
export type Twin = Answer<Schemas['Twin']>;
export type TwinAsset = Answer<Schemas['TwinAsset']>;
export type TwinSite = Answer<Schemas['TwinSite']>;
export type TwinUnit = Answer<Schemas['TwinUnit']>;
export type Unit = Answer<Schemas['Unit']>;
export type UnitOfMeasure = Answer<Schemas['UnitOfMeasure']>;
export type WorstAsset = Answer<Schemas['WorstAsset']>;

export interface Page<T> {
  items: T[];
  total: number;
  next_offset: number | null;
}

/** What is configured, never a value. */
export interface ConfigStatus {
  timestamp: number;
  subsystems: Record<string, Record<string, unknown>>;
  feature_flags: Record<string, unknown>;
}
export type ObjectCoverage = Answer<Schemas['ObjectCoverage']>;
export type OutboxEntry = Answer<Schemas['OutboxEntry']>;
export type PushAnswer = Answer<Schemas['PushAnswer']>;
export type PushPreview = Answer<Schemas['PushPreview']>;
export type TechnicalObject = Answer<Schemas['TechnicalObject']>;
export type WorkOrder = Answer<Schemas['WorkOrder']>;
export type WorkOrderDetail = Answer<Schemas['WorkOrderDetail']>;
export type TwinLayout = Answer<Schemas['TwinLayout']>;
export type TwinLayoutChange = Schemas['TwinLayoutChange'];
export type DetectionRequest = Schemas['DetectionRequest'];

/** A root cause, as far as the page shows it (`iq-api-types/src/root_cause.rs`). */
export interface Sentence { code: string; text: string }
export interface EvidenceSample { signal_id: string; asset_code: string; metric: string; names: Names; t: number; value: number; unit: string }
export interface EvidenceItem { key: string; side: 'for' | 'against' | 'missing'; weight: number; condition: string; finding: Sentence; samples: EvidenceSample[] }
export interface RecommendedAction { names: Names; hours_from: number | null; hours_to: number | null }
export interface Hypothesis { rank: number; id: string; names: Names; asset_id: string; asset_code: string; confidence: number; grade: 'likely' | 'possible' | 'unlikely'; reason: Sentence; coverage: number; evidence: EvidenceItem[] | null; contributing_factors: Sentence[] | null; actions: RecommendedAction[] }
export interface FirstMover { rank: number; signal_id: string; asset_id: string; asset_code: string; metric: string; names: Names; unit: string; onset_at: number; direction: 'rise' | 'fall'; usual: number; sample: EvidenceSample }
export interface RootCause { version: number; packs: { id: string; version: number }[]; verdict: 'named' | 'unsettled' | 'unexplained' | 'not_enough_data'; explanation: Sentence[]; hypotheses: Hypothesis[]; first_movers: FirstMover[] | null; samples_read: number }
