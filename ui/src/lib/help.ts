// The guides of the program, and which of them explains which page.

export type GuideGroup = 'start' | 'work' | 'run';

export interface GuideEntry {
  /** The file `docs/guides/<name>.md`, and `<name>.ar.md` beside it. */
  name: string;
  group: GuideGroup;
}

export const GUIDES: readonly GuideEntry[] = [
  { name: 'first-hour', group: 'start' },
  { name: 'connecting-systems', group: 'start' },
  { name: 'moving', group: 'start' },
  { name: 'investigating', group: 'work' },
  { name: 'investigation-from-files', group: 'work' },
  { name: 'planning', group: 'work' },
  { name: 'alarm-performance', group: 'work' },
  { name: 'near-misses', group: 'work' },
  { name: 'rule-packs', group: 'work' },
  { name: 'analytics', group: 'work' },
  { name: 'optimiser', group: 'work' },
  { name: 'administrator', group: 'run' },
  { name: 'environment', group: 'run' },
  { name: 'tuning', group: 'run' },
  { name: 'api', group: 'run' },
  { name: 'webhooks', group: 'run' },
  { name: 'monitoring', group: 'run' },
  { name: 'security-proof', group: 'run' },
];

/** The text of a guide in one language. */
export interface Guide {
  title: string;
  /** The first paragraph, as plain text. */
  summary: string;
  /** Anchors are the same in both languages: a place survives a change of the language. */
  headings: { id: string; text: string; depth: number }[];
  html: string;
}

/** The guide of each page, with the heading to begin at; anchors are those of the English file. Pages of help and
 *  pages for someone who is not signed in have none. */
export const HELP: Readonly<Record<string, string>> = {
  '/': 'first-hour#look-around',
  '/digital-twin': 'first-hour#look-around',
  '/assets': 'moving#assets',
  '/assets/:id': 'first-hour#look-around',
  '/assets/:id/model': 'tuning#budgets',
  '/blackbox': 'investigating#find-it',
  '/blackbox/incidents/:id': 'investigating#see-what-happened',
  '/blackbox/investigation': 'investigation-from-files',
  '/rule-packs': 'rule-packs',
  '/alerts': 'alarm-performance',
  '/optimization': 'planning#run',
  '/work-orders': 'planning#publish',
  '/technicians': 'planning#before-the-first-plan',
  '/outages': 'planning#outages-and-parts',
  '/onboarding': 'first-hour#then-with-your-own-plant',
  '/integrations': 'connecting-systems#every-connection',
  '/integrations/new': 'connecting-systems',
  '/integrations/:id': 'connecting-systems#every-connection',
  '/tenant/:tenantId/data-mapping': 'moving#tags',
  '/imports': 'moving#trends-and-alarm-journals',
  '/demo-plant': 'first-hour#break-something',
  '/users': 'api#permissions',
  '/sync': 'administrator#without-a-line-to-the-hub',
  '/backups': 'administrator#backup',
  '/diagnostics': 'tuning#what-to-look-at-first',
  '/audit': 'investigating#take-it-along',
  '/settings': 'api#a-token',
};

/** Where help for a page stands; the list of guides where there is none. */
export function helpOf(path: string | undefined): string {
  const guide = path === undefined ? undefined : HELP[path];
  return guide === undefined ? '/help' : `/help/${guide}`;
}

/** What a page of help knows of the page it was asked on. */
export interface CameFrom {
  from: string;
  /** Key of that page's name. */
  title: string;
}
