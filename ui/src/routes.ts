// Every page of the program. Navigation, router, accessibility test and screen list all read this one list.
import type { IconName } from '@/components/icons';

export interface Route {
  path: string;
  /** Key of the page's name. */
  title: string;
  permission?: string;
  /** The header's site filter applies. */
  sites?: boolean;
  /** Shows the application's time bar. */
  timed?: boolean;
  /** What its page says of a past moment, where not everything on it goes back. */
  pastNote?: string;
  nav?: { group: 'operate' | 'connect' | 'manage'; icon: IconName; phone?: boolean; demoOnly?: boolean };
}

export const ROUTES: Route[] = [
  { path: '/', title: 'page.dashboard', permission: 'twin.read', timed: true, nav: { group: 'operate', icon: 'home', phone: true } },
  { path: '/digital-twin', title: 'page.twin', permission: 'twin.read', timed: true, sites: true, nav: { group: 'operate', icon: 'twin', phone: true } },
  { path: '/assets', title: 'page.assets', permission: 'assets.read', timed: true, sites: true, nav: { group: 'operate', icon: 'assets' } },
  { path: '/assets/:id', title: 'page.asset', permission: 'assets.read', timed: true },
  { path: '/assets/:id/model', title: 'page.model', permission: 'models.read' },
  { path: '/blackbox', title: 'page.blackbox', permission: 'blackbox.read', timed: true, sites: true, nav: { group: 'operate', icon: 'blackbox', phone: true } },
  { path: '/blackbox/incidents/:id', title: 'page.incident', permission: 'blackbox.read', timed: true, pastNote: 'time.incident_as_of' },
  { path: '/blackbox/investigation', title: 'page.investigation', permission: 'investigations.write' },
  { path: '/rule-packs', title: 'page.rule_packs', permission: 'blackbox.read' },
  { path: '/alerts', title: 'page.alerts', permission: 'alerts.read', timed: true, nav: { group: 'operate', icon: 'alerts' } },
  { path: '/optimization', title: 'page.optimization', permission: 'optimization.read', nav: { group: 'operate', icon: 'pulse' } },
  { path: '/work-orders', title: 'page.work_orders', permission: 'work_orders.read', timed: true, nav: { group: 'operate', icon: 'wrench' } },
  { path: '/technicians', title: 'page.technicians', permission: 'work_orders.read', nav: { group: 'operate', icon: 'users' } },
  { path: '/outages', title: 'page.outages', permission: 'work_orders.read', nav: { group: 'operate', icon: 'calendar' } },
  { path: '/onboarding', title: 'page.onboarding', permission: 'integrations.read', nav: { group: 'connect', icon: 'check' } },
  { path: '/integrations', title: 'page.integrations', permission: 'integrations.read', nav: { group: 'connect', icon: 'plug' } },
  { path: '/integrations/new', title: 'page.integration_new', permission: 'integrations.write' },
  { path: '/integrations/:id', title: 'page.integration', permission: 'integrations.read' },
  { path: '/tenant/:tenantId/data-mapping', title: 'page.mapping', permission: 'mappings.read', nav: { group: 'connect', icon: 'map' } },
  { path: '/imports', title: 'page.imports', permission: 'imports.write', nav: { group: 'connect', icon: 'upload' } },
  { path: '/demo-plant', title: 'page.demo_plant', permission: 'plant.control', nav: { group: 'connect', icon: 'flask', demoOnly: true } },
  { path: '/users', title: 'page.users', permission: 'users.read', nav: { group: 'manage', icon: 'users', phone: true } },
  { path: '/sync', title: 'page.sync', permission: 'sync.read', nav: { group: 'manage', icon: 'upload' } },
  { path: '/backups', title: 'page.backups', permission: 'backups.manage', nav: { group: 'manage', icon: 'lock' } },
  { path: '/diagnostics', title: 'page.diagnostics', permission: 'diagnostics.read', nav: { group: 'manage', icon: 'pulse' } },
  { path: '/audit', title: 'page.audit', permission: 'audit.read', nav: { group: 'manage', icon: 'audit' } },
  { path: '/settings', title: 'page.settings', nav: { group: 'manage', icon: 'settings' } },
  { path: '/help', title: 'page.help', nav: { group: 'manage', icon: 'help' } },
  { path: '/help/:guide', title: 'page.help' },
  { path: '/login', title: 'page.login' },
  { path: '/setup', title: 'page.setup' },
];

/** Pages for someone who is not signed in. */
export const OPEN_PATHS = ['/login', '/setup'];

export function fillPath(path: string, values: Record<string, string>): string {
  return path.replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(values[name] ?? ''));
}
