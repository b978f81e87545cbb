// What the console asks the hub for, with the types generated out of the hub's code.
import { type Query, request, setCsrf } from '@/api/http';
import type { Answer, ClaimPreview, IdentityProvider, IdentityProviderInput, Page, TestReport } from '@/api/types';
import type { ProviderCalls } from '@/pages/parts/identity-providers';
import type { components } from './schema';

type Schemas = components['schemas'];

export type CourierAnswer = Answer<Schemas['CourierAnswer']>;
export type FleetAppliance = Answer<Schemas['FleetAppliance']>;
export type HubAsset = Answer<Schemas['HubAsset']>;
export type HubAuditRow = Answer<Schemas['HubAuditRow']>;
export type HubCheck = Answer<Schemas['HubCheck']>;
export type HubEvent = Answer<Schemas['HubEvent']>;
export type HubIncident = Answer<Schemas['HubIncident']>;
export type HubIncidentDetail = Answer<Schemas['HubIncidentDetail']>;
export type HubIncidentRecord = Answer<Schemas['HubIncidentRecord']>;
export type HubKpi = Answer<Schemas['HubKpi']>;
export type HubSignal = Answer<Schemas['HubSignal']>;
export type HubTrend = Answer<Schemas['HubTrend']>;
export type HubReliability = Answer<Schemas['HubReliability']>;
export type HubPlan = Answer<Schemas['HubPlan']>;
export type HubSignInRules = Answer<Schemas['HubSignInRules']>;
export type HubSession = Answer<Schemas['HubSession']>;
export type HubTenant = Answer<Schemas['HubTenant']>;
export type HubUser = Answer<Schemas['HubUser']>;
export type HubSignInProvider = Answer<Schemas['HubSignInProvider']>;
export type TotpSetup = Answer<Schemas['TotpSetup']>;
export type PlatformPerson = Answer<Schemas['PlatformPerson']>;
type CreatedUser = Answer<Schemas['HubCreatedUser']>;
type DemoTenant = Answer<Schemas['HubDemoTenant']>;

export interface OneTime {
  /** Code of the organisation, where it is new as well. */
  tenant?: string;
  name: string;
  username: string;
  password: string;
}

/** Takes over the CSRF token of whoever is signed in now. */
async function session(asked: Promise<HubSession>): Promise<HubSession> {
  const found = await asked;
  setCsrf(found.csrf_token);
  return found;
}
const oneTime = (made: CreatedUser): OneTime => ({ name: made.user.name, username: made.user.username, password: made.temporary_password });

const PROVIDERS = '/api/identity-providers';

/** Identity providers of the own organisation; for a platform owner, those of the platform. */
export const providers: ProviderCalls = {
  list: () => request<IdentityProvider[]>('GET', PROVIDERS),
  create: (body: IdentityProviderInput) => request<IdentityProvider>('POST', PROVIDERS, { body }),
  update: (id, body) => request<IdentityProvider>('PUT', `${PROVIDERS}/${id}`, { body }),
  remove: (id) => request<void>('DELETE', `${PROVIDERS}/${id}`),
  test: (id) => request<TestReport>('POST', `${PROVIDERS}/${id}/test`),
  startPreview: (id) => request<{ url: string }>('POST', `${PROVIDERS}/${id}/preview`),
  lastPreview: (id) => request<{ preview?: ClaimPreview | null }>('GET', `${PROVIDERS}/${id}/preview`),
};

export const hub = {
  session: () => session(request<HubSession>('GET', '/api/session')),
  signIn: (body: Schemas['HubSignInRequest']) => session(request<HubSession>('POST', '/api/session', { body })),
  signInProviders: (tenant: string) => request<HubSignInProvider[]>('GET', '/api/session/providers', { query: { tenant } }),
  signInRules: () => request<HubSignInRules>('GET', `${PROVIDERS}/rules`),
  saveSignInRules: (body: Schemas['HubSignInRules']) => request<HubSignInRules>('PUT', `${PROVIDERS}/rules`, { body }),
  signInRulesOf: (tenant: HubTenant) => request<HubSignInRules>('GET', `/api/admin/tenants/${tenant.id}/sign-in-rules`),
  saveSignInRulesOf: (tenant: HubTenant, body: Schemas['HubSignInRules']) => request<HubSignInRules>('PUT', `/api/admin/tenants/${tenant.id}/sign-in-rules`, { body }),
  usersOf: (tenant: HubTenant) => request<HubUser[]>('GET', '/api/admin/users', { query: { tenant: tenant.id } }),
  platformPeople: (provider: string) => request<PlatformPerson[]>('GET', `/api/admin/identity-providers/${provider}/people`),
  letIn: (provider: string, body: Schemas['PlatformPersonInput']) => request<PlatformPerson>('POST', `/api/admin/identity-providers/${provider}/people`, { body }),
  takeOff: (provider: string, person: PlatformPerson) => request<void>('DELETE', `/api/admin/identity-providers/${provider}/people/${person.id}`),
  signOut: () => request<void>('DELETE', '/api/session'),
  changePassword: (body: Schemas['ChangePasswordRequest']) => session(request<HubSession>('POST', '/api/session/password', { body })),
  beginTotp: () => request<Answer<Schemas['TotpSetup']>>('POST', '/api/session/totp'),
  confirmTotp: (code: string) => session(request<HubSession>('POST', '/api/session/totp/confirm', { body: { code } satisfies Schemas['TotpConfirm'] })),
  tenants: () => request<HubTenant[]>('GET', '/api/admin/tenants'),
  createTenant: (body: Schemas['HubTenantInput']) => request<HubTenant>('POST', '/api/admin/tenants', { body }),
  updateTenant: (tenant: HubTenant, names: HubTenant['names']) => request<HubTenant>('PUT', `/api/admin/tenants/${tenant.id}`, { body: { code: tenant.code, names } satisfies Schemas['HubTenantInput'] }),
  suspend: (tenant: HubTenant, is: boolean) => request<HubTenant>('POST', `/api/admin/tenants/${tenant.id}/${is ? 'suspend' : 'resume'}`),
  createDemo: async (): Promise<OneTime> => {
    const made = await request<DemoTenant>('POST', '/api/admin/tenants/demo');
    return { tenant: made.tenant.code, name: made.username, username: made.username, password: made.temporary_password };
  },
  users: () => request<HubUser[]>('GET', '/api/admin/users'),
  createUser: async (body: Schemas['HubUserInput']) => oneTime(await request<CreatedUser>('POST', '/api/admin/users', { body })),
  updateUser: (user: HubUser, change: Pick<HubUser, 'role' | 'is_active'>) => request<HubUser>('PUT', `/api/admin/users/${user.tenant_id}/${user.id}`, { body: { email: user.email, name: user.name, ...change } satisfies Schemas['HubUserChange'] }),
  resetPassword: async (user: HubUser) => oneTime(await request<CreatedUser>('POST', `/api/admin/users/${user.tenant_id}/${user.id}/reset-password`)),
  fleet: () => request<FleetAppliance[]>('GET', '/api/admin/appliances'),
  createCode: (body: Schemas['EnrolmentCodeRequest']) => request<Answer<Schemas['NewEnrolmentCode']>>('POST', '/api/admin/appliances/codes', { body }),
  plants: () => request<FleetAppliance[]>('GET', '/api/appliances'),
  incidents: (query: Query) => request<Page<HubIncident>>('GET', '/api/incidents', { query }),
  incident: (place: string) => request<HubIncidentDetail>('GET', `/api/incidents/${place}`),
  check: (place: string) => request<HubCheck>('GET', `/api/incidents/${place}/check`),
  events: (query: Query) => request<Page<HubEvent>>('GET', '/api/events', { query }),
  assets: (query: Query) => request<Page<HubAsset>>('GET', '/api/assets', { query }),
  signals: (appliance: string, asset: string) => request<HubSignal[]>('GET', `/api/assets/${encodeURIComponent(appliance)}/${encodeURIComponent(asset)}/signals`),
  trend: (appliance: string, asset: string, signal: string, query: Query) => request<HubTrend>('GET', `/api/assets/${encodeURIComponent(appliance)}/${encodeURIComponent(asset)}/signals/${encodeURIComponent(signal)}/trend`, { query }),
  kpis: (query: Query) => request<Page<HubKpi>>('GET', '/api/kpis', { query }),
  plans: (query: Query) => request<Page<HubPlan>>('GET', '/api/plans', { query }),
  people: () => request<Answer<Schemas['TenantUser']>[]>('GET', '/api/tenant-users'),
  audit: (query: Query) => request<Page<HubAuditRow>>('GET', '/api/audit', { query }),
  auditOfAll: (query: Query) => request<Page<HubAuditRow>>('GET', '/api/admin/audit', { query }),
  configStatus: () => request<{ subsystems: Record<string, Record<string, unknown>>; feature_flags: Record<string, unknown> }>('GET', '/internal/config/status'),
  revoke: (a: FleetAppliance) => request<void>('POST', `/api/admin/appliances/${a.tenant_id}/${a.id}/revoke`),
};
