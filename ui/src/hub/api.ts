// What the console asks the hub for; the shapes are those of core/iq-api-types/src/hub.rs.
import { type Query, request, setCsrf } from '@/api/http';
import type { AuditRow, Names, Page, Role, TenantUser } from '@/api/types';

export interface HubSession {
  username: string;
  name: string;
  role: Role;
  permissions: string[];
  tenant_id: string;
  tenant: Names;
  must_change_password: boolean;
  must_set_up_totp: boolean;
  csrf_token: string;
  version: string;
}
export interface HubTenant {
  id: string;
  code: string;
  names: Names;
  is_demo: boolean;
  is_suspended: boolean;
  users: number;
  appliances: number;
  last_receipt_at: number | null;
  created_at: number;
}
export interface HubUser {
  tenant_id: string;
  tenant_code: string;
  id: string;
  username: string;
  email: string | null;
  name: string;
  role: Role;
  is_active: boolean;
  must_change_password: boolean;
  last_sign_in_at: number | null;
}
export interface FleetAppliance {
  tenant_id: string;
  tenant_code: string;
  id: string;
  name: string;
  fingerprint: string;
  is_demo: boolean;
  state: 'registered' | 'synced' | 'behind' | 'silent' | 'fork' | 'revoked';
  version: string | null;
  revoked_at: number | null;
  last_receipt_at: number | null;
  backlog: number | null;
  oldest_unsent_at: number | null;
  clock_offset_ms: number | null;
  disk_free_bytes: number | null;
  integrations: Record<string, number> | null;
  quarantined: number;
}
export interface HubIncident {
  appliance_id: string;
  appliance: string;
  id: string;
  number: string | null;
  status: string | null;
  severity: string | null;
  incident_type: string | null;
  asset_id: string | null;
  started_at: number | null;
  ended_at: number | null;
  changed_at: number;
  is_demo: boolean;
}
export interface HubIncidentRecord {
  kind: string;
  at: number;
  status: string | null;
  epoch: string;
  stream: number;
  seq: number;
}
export interface HubEvent {
  appliance_id: string;
  appliance: string;
  id: string | null;
  at: number;
  asset_id: string | null;
  source: string;
  severity: string | null;
  category: string | null;
  code: string | null;
  is_demo: boolean;
  seq: number;
}
export interface HubCheck {
  outcome: 'intact' | 'damaged' | 'unfinished';
  records: number;
  hashed: number;
  problems: { finding: 'missing' | 'altered' | 'unlinked' | 'head' | 'shown_differs'; epoch: string; stream: number; seq: number }[];
  at: number;
}
export type HubAuditRow = AuditRow & { tenant_id: string };
export interface OneTime {
  /** Code of the organisation, where it is new as well. */
  tenant?: string;
  name: string;
  username: string;
  password: string;
}
interface CreatedUser {
  user: HubUser;
  temporary_password: string;
}

/** Takes over the CSRF token of whoever is signed in now. */
async function session(asked: Promise<HubSession>): Promise<HubSession> {
  const found = await asked;
  setCsrf(found.csrf_token);
  return found;
}
const oneTime = (made: CreatedUser): OneTime => ({ name: made.user.name, username: made.user.username, password: made.temporary_password });

export const hub = {
  session: () => session(request<HubSession>('GET', '/api/session')),
  signIn: (body: { tenant: string; username: string; password: string; code: string | null }) => session(request<HubSession>('POST', '/api/session', { body })),
  signOut: () => request<void>('DELETE', '/api/session'),
  changePassword: (body: { current_password: string; new_password: string }) => session(request<HubSession>('POST', '/api/session/password', { body })),
  beginTotp: () => request<{ secret: string; address: string }>('POST', '/api/session/totp'),
  confirmTotp: (code: string) => session(request<HubSession>('POST', '/api/session/totp/confirm', { body: { code } })),
  tenants: () => request<HubTenant[]>('GET', '/api/admin/tenants'),
  createTenant: (body: { code: string; names: Names }) => request<HubTenant>('POST', '/api/admin/tenants', { body }),
  updateTenant: (tenant: HubTenant, names: Names) => request<HubTenant>('PUT', `/api/admin/tenants/${tenant.id}`, { body: { code: tenant.code, names } }),
  suspend: (tenant: HubTenant, is: boolean) => request<HubTenant>('POST', `/api/admin/tenants/${tenant.id}/${is ? 'suspend' : 'resume'}`),
  createDemo: async (): Promise<OneTime> => {
    const made = await request<{ tenant: HubTenant; username: string; temporary_password: string }>('POST', '/api/admin/tenants/demo');
    return { tenant: made.tenant.code, name: made.username, username: made.username, password: made.temporary_password };
  },
  users: () => request<HubUser[]>('GET', '/api/admin/users'),
  createUser: async (body: { tenant_id: string; username: string; name: string; role: Role }) => oneTime(await request<CreatedUser>('POST', '/api/admin/users', { body })),
  updateUser: (user: HubUser, change: { role: Role; is_active: boolean }) => request<HubUser>('PUT', `/api/admin/users/${user.tenant_id}/${user.id}`, { body: { email: user.email, name: user.name, ...change } }),
  resetPassword: async (user: HubUser) => oneTime(await request<CreatedUser>('POST', `/api/admin/users/${user.tenant_id}/${user.id}/reset-password`)),
  fleet: () => request<FleetAppliance[]>('GET', '/api/admin/appliances'),
  createCode: (body: { tenant_id: string; name: string }) => request<{ code: string }>('POST', '/api/admin/appliances/codes', { body }),
  plants: () => request<FleetAppliance[]>('GET', '/api/appliances'),
  incidents: (query: Query) => request<Page<HubIncident>>('GET', '/api/incidents', { query }),
  incident: (place: string) => request<{ incident: HubIncident; records: HubIncidentRecord[] }>('GET', `/api/incidents/${place}`),
  check: (place: string) => request<HubCheck>('GET', `/api/incidents/${place}/check`),
  events: (query: Query) => request<Page<HubEvent>>('GET', '/api/events', { query }),
  people: () => request<TenantUser[]>('GET', '/api/tenant-users'),
  audit: (query: Query) => request<Page<HubAuditRow>>('GET', '/api/audit', { query }),
  auditOfAll: (query: Query) => request<Page<HubAuditRow>>('GET', '/api/admin/audit', { query }),
  configStatus: () => request<{ subsystems: Record<string, Record<string, unknown>>; feature_flags: Record<string, unknown> }>('GET', '/internal/config/status'),
  revoke: (a: FleetAppliance) => request<void>('POST', `/api/admin/appliances/${a.tenant_id}/${a.id}/revoke`),
};
