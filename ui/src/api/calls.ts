// Every route the pages use, one function each.
import { type Query, request, send, storeTakesWrites, upload } from './http';
import type * as T from './types';

type Id = string;
const get = <R>(path: string, query?: Query, signal?: AbortSignal) => request<R>('GET', path, { query, signal });
const post = <R>(path: string, body?: unknown) => request<R>('POST', path, { body: body ?? {} });
const put = <R>(path: string, body: unknown) => request<R>('PUT', path, { body });
const del = (path: string) => request<void>('DELETE', path);
const e = encodeURIComponent;

export const api = {
  storeTakesWrites,
  setup: () => get<T.SetupStatus>('/api/setup'),
  createFirst: (body: T.SetupRequest) => post<T.SetupResult>('/api/setup', body),
  signIn: (body: T.SignInRequest) => post<T.SessionInfo>('/api/session', body),
  session: () => get<T.SessionInfo>('/api/session'),
  signOut: () => del('/api/session'),
  sessions: () => get<T.SessionRow[]>('/api/session/all'),
  signOutElsewhere: () => del('/api/session/all'),
  changePassword: (body: T.ChangePasswordRequest) => post<T.SessionInfo>('/api/session/password', body),
  saveSettings: (body: T.UserSettings) => put<T.UserSettings>('/api/settings', body),

  overview: (q: Query) => get<T.Overview>('/api/overview', q),
  sites: () => get<T.Site[]>('/api/sites'),
  createSite: (body: T.SiteInput) => post<T.Site>('/api/sites', body),
  updateSite: (id: Id, body: T.SiteInput) => put<T.Site>(`/api/sites/${id}`, body),
  deleteSite: (id: Id) => del(`/api/sites/${id}`),
  units: () => get<T.Unit[]>('/api/units'),
  createUnit: (body: T.UnitInput) => post<T.Unit>('/api/units', body),
  updateUnit: (id: Id, body: T.UnitInput) => put<T.Unit>(`/api/units/${id}`, body),
  deleteUnit: (id: Id) => del(`/api/units/${id}`),
  assets: (q: Query) => get<T.Page<T.Asset>>('/api/assets', q),
  asset: (id: Id) => get<T.Asset>(`/api/assets/${e(id)}`),
  createAsset: (body: T.AssetInput) => post<T.Asset>('/api/assets', body),
  updateAsset: (id: Id, body: T.AssetInput) => put<T.Asset>(`/api/assets/${id}`, body),
  deleteAsset: (id: Id) => del(`/api/assets/${id}`),
  importAssets: (csv: string, dryRun: boolean) =>
    request<T.ImportReport>('POST', '/api/assets/import', { query: { dry_run: dryRun }, raw: { body: csv, type: 'text/csv' } }),
  families: () => get<T.FamilyTemplate[]>('/api/families'),
  unitsOfMeasure: () => get<T.UnitOfMeasure[]>('/api/units-of-measure'),
  signals: (id: Id, q: Query) => get<T.SignalDetail[]>(`/api/assets/${e(id)}/signals`, q),
  assessments: (id: Id, q: Query) => get<T.Assessment[]>(`/api/assets/${e(id)}/assessments`, q),
  series: (id: Id, q: Query) => get<T.Series>(`/api/signals/${id}/series`, q),

  twin: (q: Query) => get<T.Twin>('/api/twin', q),
  twinLayout: () => get<T.TwinLayout>('/api/twin/layout'),
  moveAssets: (body: T.TwinLayoutChange) => put<T.TwinLayout>('/api/twin/layout', body),
  twinAsset: (id: Id, q: Query) => get<T.TwinAsset>(`/api/twin/${e(id)}`, q),

  alerts: (q: Query) => get<T.Page<T.Alert>>('/api/alerts', q),
  acknowledge: (id: Id, body: T.AcknowledgeRequest) => post<T.Alert>(`/api/alerts/${id}/acknowledge`, body),
  rules: (q: Query) => get<T.AlertRule[]>('/api/alert-rules', q),
  createRule: (body: T.AlertRuleInput) => post<T.AlertRule>('/api/alert-rules', body),
  updateRule: (id: Id, body: T.AlertRuleInput) => put<T.AlertRule>(`/api/alert-rules/${id}`, body),
  deleteRule: (id: Id) => del(`/api/alert-rules/${id}`),

  incidents: (q: Query) => get<T.Page<T.IncidentRow>>('/api/blackbox/incidents', q),
  incident: (id: Id) => get<T.IncidentDetail>(`/api/blackbox/incidents/${e(id)}`),
  changeIncident: (id: Id, body: T.IncidentPatch) => request<T.IncidentDetail>('PATCH', `/api/blackbox/incidents/${id}`, { body }),
  timeline: (id: Id) => get<T.Timeline>(`/api/blackbox/incidents/${e(id)}/timeline`),
  addNote: (id: Id, body: T.NoteInput) => post<T.IncidentNote>(`/api/blackbox/incidents/${id}/notes`, body),
  events: (q: Query) => get<T.Page<T.Event>>('/api/blackbox/events', q),
  event: (id: Id) => get<T.Event>(`/api/blackbox/events/${e(id)}`),
  histogram: (q: Query) => get<T.HistogramBin[]>('/api/blackbox/histogram', q),

  connectorTypes: () => get<T.ConnectorType[]>('/api/integrations/types'),
  integrations: () => get<T.Integration[]>('/api/integrations/'),
  integration: (id: Id) => get<T.Integration>(`/api/integrations/${e(id)}`),
  createIntegration: (body: T.IntegrationInput) => post<T.Integration>('/api/integrations/', body),
  updateIntegration: (id: Id, body: T.IntegrationInput) => put<T.Integration>(`/api/integrations/${id}`, body),
  deleteIntegration: (id: Id) => del(`/api/integrations/${id}`),
  switchIntegration: (id: Id, on: boolean) => post<T.Integration>(`/api/integrations/${id}/${on ? 'enable' : 'disable'}`),
  endpoints: (body: T.EndpointsRequest) => post<T.EndpointOffer[]>('/api/integrations/endpoints', body),
  browse: (id: Id, q: Query, signal?: AbortSignal) => get<T.BrowsePage>(`/api/integrations/${id}/browse`, q, signal),
  preview: (id: Id, body: T.PreviewRequest) => post<T.PreviewValue[]>(`/api/integrations/${id}/preview`, body),
  choices: (body: T.ChoicesRequest) => post<T.Choice[]>('/api/integrations/choices', body),
  draftSampleRows: (body: T.DraftRowsRequest) => post<T.SampleRows>('/api/integrations/sample-rows', body),
  duplicate: (id: Id) => post<T.Integration>(`/api/integrations/${id}/duplicate`),
  deletion: (id: Id) => get<T.DeletionPreview>(`/api/integrations/${id}/deletion`),
  demoStream: (id: Id, on: boolean) => post<T.Integration>(`/api/integrations/${id}/demo-stream/${on ? 'start' : 'stop'}`),
  doctor: (id: Id) => post<T.DoctorReport>(`/api/integrations/${id}/doctor`),
  runIntegration: (id: Id) => post<T.Job>(`/api/integrations/${id}/run`),
  runAll: () => post<T.Job>('/api/jobs'),
  jobs: (q: Query) => get<T.Job[]>('/api/jobs', q),
  cancelJob: (id: Id) => post<T.Job>(`/api/jobs/${id}/cancel`),
  onboarding: () => get<T.OnboardingProgress>('/api/integrations/onboarding/progress'),
  markProfile: (done: boolean) => put<T.OnboardingProgress>('/api/integrations/onboarding/profile', { done }),
  actionLog: (id: Id, q: Query) => get<T.Page<T.ActionLogRow>>(`/api/integrations/${id}/log`, q),
  certificates: (id: Id) => get<T.ServerCertificate[]>(`/api/integrations/${id}/certificates`),
  trust: (id: Id, certificate: Id, body: T.TrustRequest) => post<T.ServerCertificate>(`/api/integrations/${id}/certificates/${certificate}/trust`, body),
  reject: (id: Id, certificate: Id) => post<T.ServerCertificate>(`/api/integrations/${id}/certificates/${certificate}/reject`),
  ownCertificate: () => get<T.OwnCertificate>('/api/integrations/own-certificate'),

  mappings: (q: Query) => get<T.Page<T.Mapping>>('/api/integrations/mappings', q),
  createMapping: (body: T.MappingInput) => post<T.Mapping>('/api/integrations/mappings', body),
  updateMapping: (id: Id, body: T.MappingInput) => put<T.Mapping>(`/api/integrations/mappings/${id}`, body),
  deleteMapping: (id: Id) => del(`/api/integrations/mappings/${id}`),
  validateMapping: (body: T.MappingInput) => post<T.MappingPreview>('/api/integrations/mappings/validate', body),
  suggest: (body: T.SuggestRequest) => post<T.TagSuggestion[]>('/api/integrations/mappings/suggest', body),
  rejectSuggestion: (body: T.RejectSuggestion) => post<void>('/api/integrations/mappings/suggest/reject', body),
  selectTags: (body: T.SelectRequest) => post<T.SelectedTags>('/api/integrations/mappings/select', body),
  importMappings: (file: Blob, query: Query) => request<T.MappingDiff>('POST', '/api/integrations/mappings/import', { query, raw: { body: file, type: 'text/csv' } }),
  bulkMappings: (body: T.BulkRequest, query: Query) => request<T.MappingDiff>('POST', '/api/integrations/mappings/bulk', { query, body }),
  mappingChanges: (q: Query) => get<T.Page<T.MappingChange>>('/api/integrations/mappings/changes', q),
  mappingChange: (id: Id) => get<T.MappingDiff>(`/api/integrations/mappings/changes/${id}`),
  undoMappingChange: (id: Id) => post<T.MappingDiff>(`/api/integrations/mappings/changes/${id}/undo`),
  mappingCoverage: (q: Query) => get<T.MappingCoverage[]>('/api/integrations/mappings/coverage', q),
  drift: (q: Query) => get<T.DriftFinding[]>('/api/integrations/mappings/drift', q),
  runDrift: () => post<T.DriftRun>('/api/integrations/mappings/drift/run'),
  acceptDrift: (id: Id) => post<T.DriftFinding>(`/api/integrations/mappings/drift/${id}/accept`),
  dismissDrift: (id: Id) => post<T.DriftFinding>(`/api/integrations/mappings/drift/${id}/dismiss`),

  imports: (q: Query) => get<T.Page<T.ImportFile>>('/api/imports', q),
  import: (id: Id) => get<T.ImportFile>(`/api/imports/${e(id)}`),
  uploadImport: (integration: Id, file: File, progress: (share: number) => void) =>
    upload<T.ImportFile>('/api/imports', { integration_id: integration, name: file.name }, file, progress),
  setImportLayout: (id: Id, body: T.ImportLayout) => put<T.ImportFile>(`/api/imports/${id}/layout`, body),
  runImport: (id: Id) => post<T.ImportFile>(`/api/imports/${id}/run`),
  cancelImport: (id: Id) => post<T.ImportFile>(`/api/imports/${id}/cancel`),
  deleteImport: (id: Id) => del(`/api/imports/${id}`),

  workOrders: (q: Query) => get<T.Page<T.WorkOrder>>('/api/work-orders', q),
  workOrder: (id: Id) => get<T.WorkOrderDetail>(`/api/work-orders/${e(id)}`),
  createWorkOrder: (body: T.WorkOrderInput) => post<T.WorkOrder>('/api/work-orders', body),
  changeWorkOrder: (id: Id, body: T.WorkOrderPatch) => request<T.WorkOrder>('PATCH', `/api/work-orders/${id}`, { body }),
  workOrderSettings: () => get<T.WorkOrderSettings>('/api/work-orders/settings'),
  saveWorkOrderSettings: (body: T.WorkOrderSettings) => put<T.WorkOrderSettings>('/api/work-orders/settings', body),
  pushWorkOrder: (id: Id, body: T.PushRequest, dryRun: boolean) => request<T.PushAnswer>('POST', `/api/work-orders/${id}/push`, { query: { dry_run: dryRun }, body }),
  outbox: (q: Query) => get<T.OutboxEntry[]>('/api/work-orders/outbox', q),
  outboxEntry: (id: Id) => get<T.OutboxEntry>(`/api/work-orders/outbox/${e(id)}`),
  editPush: (id: Id, body: T.PushContent) => put<T.OutboxEntry>(`/api/work-orders/outbox/${id}`, body),
  approvePush: (id: Id, body: T.PushApproval) => post<T.OutboxEntry>(`/api/work-orders/outbox/${id}/approve`, body),
  decidePush: (id: Id, step: 'reject' | 'retry') => post<T.OutboxEntry>(`/api/work-orders/outbox/${id}/${step}`),
  resolvePush: (id: Id, body: T.PushResolution) => post<T.OutboxEntry>(`/api/work-orders/outbox/${id}/resolve`, body),
  objectCoverage: () => get<T.ObjectCoverage[]>('/api/work-orders/coverage'),
  technicalObjects: (q: Query) => get<T.Page<T.TechnicalObject>>('/api/work-orders/objects', q),
  settleObject: (id: Id, body: T.SettleObject) => put<T.TechnicalObject>(`/api/work-orders/objects/${id}/asset`, body),

  users: () => get<T.TenantUser[]>('/api/tenant-users'),
  createUser: (body: T.TenantUserInput) => post<T.CreatedUser>('/api/tenant-users', body),
  updateUser: (id: Id, body: T.TenantUserInput) => put<T.TenantUser>(`/api/tenant-users/${id}`, body),
  resetPassword: (id: Id) => post<T.CreatedUser>(`/api/tenant-users/${id}/reset-password`),
  audit: (q: Query) => get<T.Page<T.AuditRow>>('/api/audit', q),
  diagnostics: () => get<T.Diagnostics>('/api/diagnostics'),
  configStatus: () => get<T.ConfigStatus>('/internal/config/status'),

  plant: () => get<T.PlantStatus>('/api/plant'),
  /** How far the plant's clock is behind the server's, in ms; nothing where no plant runs. */
  plantBehind: async () => {
    const response = await send('GET', '/api/plant');
    const plant = (await response.json()) as T.PlantStatus;
    const answered = Date.parse(response.headers.get('date') ?? '');
    return plant.running ? (Number.isNaN(answered) ? Date.now() : answered) - plant.plant_time : 0;
  },
  inject: (body: T.InjectRequest) => post<void>('/api/plant/inject', body),
  resetPlant: (body: T.ResetRequest) => post<void>('/api/plant/reset', body),
  scenario: (body: T.ScenarioRequest) => post<void>('/api/plant/scenario', body),
};
