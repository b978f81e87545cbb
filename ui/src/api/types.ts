// Requests and answers of the API, as in core/iq-api-types.
import type { Names, Severity, AlertState, AssetStatus, Connectivity, Criticality, Quality, Provenance, Role, AuthSource, IncidentStatus, IncidentType, EventRelation, OrderConfidence, EventCategory, IntegrationStatus, ActionStatus, TrustState, ValueSource, StageStatus, Limits, RuleCondition, Contributor } from './enums';

export type * from './enums';

/** What every failed request answers with. Clients decide on `code`, people read `message`. */
export interface ApiError {
  code: string;
  message: string;
  params: Record<string, string>;
  request_id: string;
  fields?: FieldProblem[];
}
/** What is wrong with one field. */
export interface FieldProblem {
  field: string;
  code: string;
  message: string;
  params: Record<string, string>;
}
/** A page of a list. */
export interface Page<T> {
  items: T[];
  total: number;
  next_offset: number | null;
}
/** Whether this appliance still needs its first administrator. */
export interface SetupStatus {
  needs_setup: boolean;
  version: string;
  appliance: string;
}
/** Creates the tenant, its first tenant_admin and this appliance's platform_owner. */
export interface SetupRequest {
  tenant: Names;
  username: string;
  name: string;
  password: string;
  email?: string | null;
}
/** Local sign-in. */
export interface SignInRequest {
  username: string;
  password: string;
}
/** Who is signed in and what the page needs to know. */
export interface SessionInfo {
  user_id: string;
  username: string;
  name: string;
  role: Role;
  permissions: string[];
  must_change_password: boolean;
  tenant_id: string;
  tenant: Names;
  is_demo: boolean;
  demo_mode: boolean;
  csrf_token: string;
  settings: UserSettings;
  server_time: number;
  version: string;
  appliance: string;
}
/** Own password change. */
export interface ChangePasswordRequest {
  current_password: string;
  new_password: string;
}
/** One of the own sessions. */
export interface SessionRow {
  created_at: number;
  last_seen_at: number;
  address: string | null;
  user_agent: string | null;
  is_current: boolean;
}
/** How a person wants to see the program. */
export interface UserSettings {
  language: string;
  theme: string;
  digits: string;
  calendar: string;
  time_zone: string;
}
/** A user of the tenant. */
export interface TenantUser {
  id: string;
  username: string;
  email: string | null;
  name: string;
  role: Role;
  is_active: boolean;
  auth_source: AuthSource;
  must_change_password: boolean;
  last_sign_in_at: number | null;
  created_at: number;
}
/** Create or change a user. `username` can't change later. */
export interface TenantUserInput {
  username: string;
  email?: string | null;
  name: string;
  role: Role;
  is_active?: boolean;
}
/** The user with the temporary password, shown once. */
export interface CreatedUser {
  user: TenantUser;
  temporary_password: string;
}
/** One audited action. */
export interface AuditRow {
  at: number;
  actor: string;
  action: string;
  object: string;
  outcome: string;
  details: unknown;
  address: string | null;
}
/** A site. */
export interface Site {
  id: string;
  code: string;
  names: Names;
  time_zone: string;
  asset_count: number;
}
/** Create or change a site. */
export interface SiteInput {
  code: string;
  names: Names;
  time_zone: string;
}
/** A production unit. */
export interface Unit {
  id: string;
  site_id: string;
  code: string;
  names: Names;
  asset_count: number;
}
/** Create or change a unit. */
export interface UnitInput {
  site_id: string;
  code: string;
  names: Names;
}
/** An asset. */
export interface Asset {
  id: string;
  site_id: string;
  unit_id: string;
  site_code: string;
  unit_code: string;
  code: string;
  names: Names;
  family: string;
  criticality: Criticality;
  equipment_number: string | null;
  functional_location: string | null;
  parent_id: string | null;
  upstream: string[];
  downstream: string[];
  note: string;
  mapped_signals: number;
  expected_signals: number;
}
/** Create or change an asset. */
export interface AssetInput {
  unit_id: string;
  code: string;
  names: Names;
  family: string;
  criticality: Criticality;
  equipment_number?: string | null;
  functional_location?: string | null;
  parent_id?: string | null;
  upstream?: string[];
  downstream?: string[];
  note?: string;
}
/** What an import did, or would do in a dry run. */
export interface ImportReport {
  dry_run: boolean;
  created: number;
  updated: number;
  unchanged: number;
  errors: ImportRowError[];
}
/** Why a row was refused. */
export interface ImportRowError {
  row: number;
  column: string;
  code: string;
  message: string;
}
/** A unit of the catalogue. */
export interface UnitOfMeasure {
  symbol: string;
  dimension: string;
  aliases: string[];
}
/** A signal with its last value at T and its limits. */
export interface SignalDetail {
  id: string;
  asset_id: string;
  metric: string;
  names: Names;
  unit: string;
  is_derived: boolean;
  tag: string | null;
  integration_name: string | null;
  value: number | null;
  text: string | null;
  quality: Quality | null;
  observed_at: number | null;
  status: AssetStatus;
  limits: Limits;
  limits_confirmed: boolean;
  limits_source: string;
  scale_low: number | null;
  scale_high: number | null;
  baseline: BaselineBand | null;
}
/** The normal band learned from the asset's own history. */
export interface BaselineBand {
  low: number;
  high: number;
  centre: number;
  trained_from: number;
  trained_to: number;
  buckets: number;
}
/** A trend reduced to the pixels it will be drawn on. */
export interface Series {
  signal_id: string;
  unit: string;
  provenance: Provenance;
  from: number;
  to: number;
  t: number[];
  v: (number | null)[];
  bad: number[];
}
/** A score with what it is made of. */
export interface Assessment {
  asset_id: string;
  at: number;
  health: number | null;
  anomaly: number | null;
  coverage: number;
  input_age_ms: number | null;
  contributors: Contributor[];
  model: string;
  withheld_code: string | null;
  withheld_message: string | null;
}
/** All assets as of T. */
export interface Twin {
  at: number;
  is_past: boolean;
  sites: TwinSite[];
  assets: TwinAsset[];
}
/** A site. */
export interface TwinSite {
  id: string;
  code: string;
  names: Names;
  units: TwinUnit[];
}
/** A unit. */
export interface TwinUnit {
  id: string;
  code: string;
  names: Names;
}
/** An asset as of T. */
export interface TwinAsset {
  id: string;
  site_id: string;
  unit_id: string;
  code: string;
  names: Names;
  family: string;
  criticality: Criticality;
  upstream: string[];
  downstream: string[];
  status: AssetStatus;
  status_reason: string | null;
  connectivity: Connectivity;
  is_data_connected: boolean;
  data_age_ms: number | null;
  is_running: boolean | null;
  health: number | null;
  anomaly: number | null;
  assessment: Assessment | null;
  key_signal: SignalDetail | null;
  signals: SignalDetail[];
  open_incident_id: string | null;
  active_alerts: number;
}
/** An alert. */
export interface Alert {
  id: string;
  asset_id: string;
  asset_code: string;
  asset_names: Names;
  signal_id: string | null;
  metric: string | null;
  unit: string | null;
  severity: Severity;
  state: AlertState;
  code: string;
  message: string;
  params: unknown;
  activated_at: number;
  acknowledged_at: number | null;
  acknowledged_by: string | null;
  comment: string | null;
  cleared_at: number | null;
  incident_id: string | null;
}
/** Acknowledgement. */
export interface AcknowledgeRequest {
  comment?: string | null;
}
/** A rule. */
export interface AlertRule {
  id: string;
  asset_id: string;
  signal_id: string;
  metric: string;
  unit: string;
  condition: RuleCondition;
  on_delay_s: number;
  off_delay_s: number;
  deadband: number;
  is_enabled: boolean;
  is_confirmed: boolean;
  source: string;
}
/** Create or change a rule; saving confirms its numbers. */
export interface AlertRuleInput {
  signal_id: string;
  condition: RuleCondition;
  on_delay_s: number;
  off_delay_s: number;
  deadband: number;
  is_enabled?: boolean;
  source?: string;
}
/** An incident in a list. */
export interface IncidentRow {
  id: string;
  number: string;
  title: string;
  asset_id: string;
  asset_code: string;
  asset_names: Names;
  incident_type: IncidentType;
  severity: Severity;
  status: IncidentStatus;
  assignee: string | null;
  started_at: number;
  ended_at: number | null;
  event_count: number;
}
/** An incident with its notes. */
export interface IncidentDetail {
  incident: IncidentRow;
  window_from: number;
  window_to: number;
  related_assets: RelatedAsset[];
  notes: IncidentNote[];
  assignable: string[];
}
/** A neighbour. */
export interface RelatedAsset {
  asset_id: string;
  code: string;
  names: Names;
  event_count: number;
}
/** Change of an incident; absent = unchanged. */
export interface IncidentPatch {
  status?: IncidentStatus | null;
  assignee?: string | null;
}
/** A new note. */
export interface NoteInput {
  text: string;
}
/** A note; never edited. */
export interface IncidentNote {
  id: string;
  author: string;
  text: string;
  at: number;
}
/** A canonical event. */
export interface Event {
  id: string;
  asset_id: string | null;
  asset_code: string | null;
  category: EventCategory;
  severity: Severity;
  source_system: string;
  source_type: string;
  source_id: string;
  event_time: number;
  ingest_time: number;
  time_offset_ms: number;
  time_uncertainty_ms: number;
  summary: string;
  message: string;
  tag: string | null;
  payload: unknown;
}
/** An event with its place in the order. */
export interface TimelineEvent {
  event: Event;
  relation: EventRelation;
  order: number;
  order_confidence: OrderConfidence;
}
/** A signal worth showing under the lanes. */
export interface TimelineTrend {
  signal_id: string;
  asset_code: string;
  metric: string;
  names: Names;
  unit: string;
  tag: string | null;
  onset_at: number | null;
}
/** Events in order with the trends that belong to them. */
export interface Timeline {
  from: number;
  to: number;
  events: TimelineEvent[];
  trends: TimelineTrend[];
  truncated: boolean;
}
/** Events in a slice of time. */
export interface HistogramBin {
  t: number;
  total: number;
  warning: number;
  critical: number;
}
/** A kind of connector with the schema its form is drawn from. */
export interface ConnectorType {
  kind: string;
  names: Names;
  descriptions: Names;
  schema: unknown;
  can_browse: boolean;
  has_trust: boolean;
  has_endpoints: boolean;
}
/** A connection. */
export interface Integration {
  id: string;
  kind: string;
  system_type: string;
  name: string;
  config: unknown;
  effective: Record<string, EffectiveValue>;
  is_enabled: boolean;
  is_demo_origin: boolean;
  status: IntegrationStatus;
  connectivity: Connectivity;
  message: StatusMessage | null;
  status_at: number | null;
  last_value_at: number | null;
  clock_offset_ms: number | null;
  mapped_tags: number;
  pending_certificates: number;
  load: OtLoad;
  demo_stream_active: boolean;
  created_at: number;
}
/** A value in force. */
export interface EffectiveValue {
  value: unknown;
  source: ValueSource;
}
/** A code with its sentence. */
export interface StatusMessage {
  code: string;
  message: string;
  params: Record<string, string>;
}
/** What we ask of the source. */
export interface OtLoad {
  requests_per_s: number;
  items_per_request: number;
  monitored_items: number;
  sessions: number;
}
/** Create or change a connection. A secret "***" means unchanged. */
export interface IntegrationInput {
  kind: string;
  name: string;
  config: unknown;
  is_enabled?: boolean;
}
/** One step of a test. */
export interface TestStage {
  key: string;
  status: StageStatus;
  ms: number;
  message: StatusMessage | null;
}
/** The result of a test. */
export interface TestReport {
  success: boolean;
  message: string;
  code: string;
  stages: TestStage[];
}
/** Ask a server for its endpoints. */
export interface EndpointsRequest {
  kind: string;
  endpoint_url: string;
}
/** An endpoint the server offers. */
export interface EndpointOffer {
  url: string;
  security_mode: string;
  security_policy: string;
  security_level: number;
  user_tokens: string[];
  certificate_sha256: string | null;
}
/** A page of the tag tree. */
export interface BrowsePage {
  items: BrowseItem[];
  next_cursor: string | null;
}
/** A node. */
export interface BrowseItem {
  id: string;
  display: string;
  path: string;
  has_children: boolean;
  is_variable: boolean;
  data_type: string | null;
  unit: string | null;
  description: string | null;
  mapped_to: string | null;
}
/** Read values once. */
export interface PreviewRequest {
  tags: string[];
}
/** A value read once. */
export interface PreviewValue {
  tag: string;
  value: unknown;
  quality: Quality;
  status_code: number;
  source_time: number | null;
  server_time: number | null;
}
/** A row of the action log. */
export interface ActionLogRow {
  at: number;
  action_type: string;
  status: ActionStatus;
  message: string;
  details: unknown;
}
/** A certificate a server presented. */
export interface ServerCertificate {
  id: string;
  state: TrustState;
  sha256: string;
  sha1: string;
  subject: string;
  issuer: string;
  application_uri: string | null;
  hosts: string[];
  not_before: number;
  not_after: number;
  first_seen_at: number;
  last_seen_at: number;
  decided_by: string | null;
  decided_at: number | null;
}
/** Decision on a certificate. */
export interface TrustRequest {
  fingerprint_tail: string;
}
/** Our application certificate. */
export interface OwnCertificate {
  sha256: string;
  sha1: string;
  subject: string;
  application_uri: string;
  not_before: number;
  not_after: number;
}
/** A fresh value. */
export interface LiveValue {
  signal_id: string;
  asset_id: string;
  t: number;
  value: number | null;
  text: string | null;
  quality: Quality;
  received_at: number;
}
/** An asset's state changed. */
export interface AssetStatusChange {
  asset_id: string;
  status: AssetStatus;
  connectivity: Connectivity;
  health: number | null;
}
/** A connection's state changed. */
export interface IntegrationState {
  id: string;
  status: IntegrationStatus;
  connectivity: Connectivity;
  last_value_at: number | null;
}
/** A mapped tag with its live value. */
export interface Mapping {
  id: string;
  integration_id: string;
  integration_name: string;
  external_tag: string;
  asset_id: string;
  asset_code: string;
  metric_name: string;
  metric_names: Names;
  signal_id: string;
  unit: string;
  signal_unit: string;
  scaling_factor: number;
  offset_value: number;
  is_active: boolean;
  value: number | null;
  text: string | null;
  quality: Quality | null;
  observed_at: number | null;
}
/** Create or change a mapping. */
export interface MappingInput {
  integration_id: string;
  external_tag: string;
  asset_id: string;
  metric_name: string;
  unit: string;
  scaling_factor?: number;
  offset_value?: number;
  metadata_json?: unknown;
  is_active?: boolean;
}
/** What a mapping would do. */
export interface MappingPreview {
  problems: FieldProblem[];
  signal_unit: string | null;
  raw_value: unknown;
  raw_quality: Quality | null;
  value: number | null;
  read_error: string | null;
}
/** Ask for suggestions. */
export interface SuggestRequest {
  integration_id: string;
  tags: SuggestTag[];
}
/** A tag to place. */
export interface SuggestTag {
  tag: string;
  name: string;
  unit: string | null;
}
/** Suggestions for a tag, best first. */
export interface TagSuggestion {
  tag: string;
  candidates: Candidate[];
}
/** A possible place. */
export interface Candidate {
  asset_id: string;
  asset_code: string;
  metric_name: string;
  score: number;
  reasons: string[];
}
/** Everything the dashboard shows, as of T. */
export interface Overview {
  at: number;
  counts: StatusCounts;
  health_mean: number | null;
  health_coverage: number;
  open_incidents: number;
  oldest_open_incident_at: number | null;
  alerts_per_hour: number;
  alerts_by_hour: number[];
  signals_live: number;
  signals_total: number;
  attention: AttentionRow[];
  incidents: IncidentRow[];
  worst_assets: WorstAsset[];
  sources: SourceFreshness[];
}
/** Assets by status. */
export interface StatusCounts {
  critical: number;
  warning: number;
  normal: number;
  unknown: number;
}
/** Something that needs a person. */
export interface AttentionRow {
  asset_id: string;
  asset_code: string;
  asset_names: Names;
  status: AssetStatus;
  severity: Severity;
  reason: StatusMessage;
  signal_id: string | null;
  metric: string | null;
  tag: string | null;
  value: number | null;
  unit: string | null;
  limits: Limits | null;
  scale_low: number | null;
  scale_high: number | null;
  baseline_low: number | null;
  baseline_high: number | null;
  since: number;
  incident_id: string | null;
  alert_id: string | null;
}
/** An asset with its score. */
export interface WorstAsset {
  asset_id: string;
  asset_code: string;
  asset_names: Names;
  status: AssetStatus;
  assessment: Assessment;
}
/** How fresh a source is. */
export interface SourceFreshness {
  integration_id: string;
  name: string;
  kind: string;
  connectivity: Connectivity;
  last_value_at: number | null;
  strip: number[];
}
/** What the demo plant does. */
export interface PlantStatus {
  running: boolean;
  endpoint_url: string;
  plant_time: number;
  faults: PlantFault[];
  active: ActiveFault[];
  scenarios: PlantScenario[];
  tripped: string[];
}
/** A fault and the assets it fits. */
export interface PlantFault {
  fault: string;
  names: Names;
  assets: string[];
}
/** A developing fault. */
export interface ActiveFault {
  asset: string;
  fault: string;
  severity: number;
  since: number;
}
/** A scripted scenario. */
export interface PlantScenario {
  id: string;
  names: Names;
}
/** Start a fault. */
export interface InjectRequest {
  asset: string;
  fault: string;
  over_s: number;
}
/** Clear faults and trips. */
export interface ResetRequest {
  asset?: string | null;
}
/** Start a scenario. */
export interface ScenarioRequest {
  id: string;
  time_scale: number;
}
