// The closed word lists of the API.

export interface Names { en: string; ar: string }
export type Severity = 'info' | 'warning' | 'critical';
export type AlertState = 'active_unacknowledged' | 'active_acknowledged' | 'cleared_unacknowledged' | 'cleared';
export type AssetStatus = 'unknown' | 'normal' | 'warning' | 'critical';
export type Connectivity = 'live' | 'stale' | 'disconnected' | 'demo' | 'none';
export type Criticality = 'low' | 'medium' | 'high' | 'critical';
export type Quality = 'good' | 'uncertain' | 'bad';
export type Provenance = 'raw' | 'interpolated' | 'rolled_up';
export type Role = 'viewer' | 'engineer' | 'optimization_engineer' | 'tenant_admin' | 'platform_owner';
export type AuthSource = 'local' | 'sso';
export type IncidentStatus = 'open' | 'investigating' | 'resolved' | 'closed';
export type IncidentType = 'trip' | 'critical_alert' | 'failure';
export type EventRelation = 'trigger' | 'same_asset' | 'neighbour';
export type OrderConfidence = 'certain' | 'probable' | 'ambiguous';
export type EventCategory = 'SENSOR' | 'ALERT' | 'MAINTENANCE' | 'OPERATOR_ACTION' | 'OPTIMISATION' | 'SYSTEM';
export type IntegrationStatus = 'active' | 'inactive' | 'error' | 'streaming';
export type ActionStatus = 'success' | 'failure' | 'pending';
export type TrustState = 'pending' | 'trusted' | 'rejected';
export type ValueSource = 'tenant' | 'environment' | 'default';
export type StageStatus = 'running' | 'ok' | 'failed' | 'skipped';

export interface Limits { low_low?: number | null; low?: number | null; high?: number | null; high_high?: number | null }

export type RuleCondition =
  | { kind: 'limit'; limits: Limits }
  | { kind: 'rate'; max_per_minute: number; severity: Severity }
  | { kind: 'flat_line'; for_s: number; severity: Severity }
  | { kind: 'stale'; for_s: number; severity: Severity }
  | { kind: 'trip'; tripped_value: number };

/** What one metric has contributed to a score. */
export interface Contributor {
  metric: string;
  value: number | null;
  baseline: number | null;
  z: number | null;
  points: number;
}

export interface MetricTemplate {
  metric: string;
  names: Names;
  unit: string;
  health_weight: number;
  is_running_state: boolean;
  limits: Limits;
  limits_source: string;
  scale_low: number | null;
  scale_high: number | null;
}

export interface FamilyTemplate {
  family: string;
  names: Names;
  version: number;
  settle_s: number;
  metrics: MetricTemplate[];
}

/** Answer of `/internal/config/status`: what is configured, never a value. */
export interface ConfigStatus {
  timestamp: string | number;
  subsystems: Record<string, Record<string, unknown>>;
  feature_flags: Record<string, unknown>;
}
