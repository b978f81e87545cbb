// Line icons on a 16-unit grid and the four status shapes. Icons are decoration: the word stands beside them or in
// the control's label.

const PATHS = {
  home: 'M2 7.5 8 2.5l6 5M3.5 6.5v7h9v-7M6.5 13.5v-4h3v4',
  twin: 'M8 1.8 13.5 5v6L8 14.2 2.5 11V5zM8 8v6.2M8 8 2.5 5M8 8l5.5-3',
  assets: 'M2 3h3v3H2zM2 10h3v3H2zM8 4.5h6M8 11.5h6',
  blackbox: 'M2 4h12v8H2zM4.5 6.5h2v3h-2zM9 6.5h2.5M9 9.5h2.5',
  bell: 'M3.5 11.500c1-1 1-2 1-4.500a3.500 3.500 0 0 1 7 0c0 2.500 0 3.500 1 4.500zM6.500 13.500h3M8 3.500v-1.500',
  grid: 'M2 3h12v10H2zM6 3v10M10 3v10',
  calendar: 'M2.5 4h11v9.500h-11zM2.5 7h11M5.5 2.500v3M10.5 2.500v3',
  alerts: 'M4 11V7a4 4 0 0 1 8 0v4l1.3 1.5H2.7zM6.6 14h2.8',
  wrench: 'M10.500 2.300a3.500 3.500 0 0 0-3.200 4.900L2.500 12l1.500 1.500 4.800-4.800a3.500 3.500 0 0 0 4.900-3.200l-2 .9-1.600-.4-.4-1.600z',
  plug: 'M5.5 2v3.5M10.5 2v3.5M3.5 5.5h9V8A4.5 4.5 0 0 1 8 12.5 4.5 4.5 0 0 1 3.5 8zM8 12.5V15',
  map: 'M2 4h3.5c4 0 1 8 5 8H14M2 12h3.5c1.2 0 1.8-.7 2.1-1.7M8.4 5.7C8.7 4.7 9.3 4 10.5 4H14',
  users: 'M6 8a2.7 2.7 0 1 0 0-5.400A2.7 2.7 0 0 0 6 8zM1.5 13.500c0-2.5 2-4 4.5-4s4.5 1.5 4.5 4M10.5 2.900a2.5 2.5 0 0 1 0 4.800M12 9.800c1.6.5 2.5 1.8 2.5 3.7',
  pulse: 'M1.5 8.500h3L6.5 3l3 10 2-4.500h3',
  audit: 'M8 1.7 13.5 4v4c0 3.3-2.3 5.4-5.5 6.500C4.8 13.4 2.5 11.3 2.5 8V4zM5.5 8l1.8 1.800L10.7 6.4',
  settings: 'M8 10.200a2.2 2.2 0 1 0 0-4.4 2.2 2.2 0 0 0 0 4.400zM8 1.500v2M8 12.500v2M1.5 8h2M12.5 8h2M3.4 3.400l1.4 1.400M11.2 11.200l1.4 1.400M3.4 12.600l1.4-1.400M11.2 4.800l1.4-1.4',
  flask: 'M6 2h4M6.7 2v4L3 13.500h10L9.3 6V2M5 10h6',
  clock: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 4.500V8l2.5 1.5',
  broken: 'M6.5 11 5 12.500a2.5 2.5 0 0 1-3.5-3.500L4 6.800M9.5 5 11 3.500A2.5 2.5 0 0 1 14.5 7L12 9.200M3 3l10 10',
  dash: 'M3 8h10',
  filter: 'M2 4h12M4.5 8h7M7 12h2',
  search: 'M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10zM10.7 10.7 14 14',
  down: 'M4 6l4 4 4-4',
  forward: 'M6 3.5 10.5 8 6 12.5',
  back: 'M10 3.5 5.5 8l4.5 4.5',
  plus: 'M8 3v10M3 8h10',
  close: 'M4 4l8 8M12 4l-8 8',
  check: 'M3 8.5 6.5 12 13 4.5',
  moon: 'M12.5 10A5.5 5.5 0 0 1 6 3a5.5 5.5 0 1 0 6.5 7z',
  sun: 'M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM8 1.500v1.500M8 13v1.500M1.5 8H3M13 8h1.500M3.4 3.400l1 1M11.6 11.600l1 1M3.4 12.600l1-1M11.6 4.400l1-1',
  download: 'M8 2v8M4.5 7 8 10.5 11.5 7M3 13.500h10',
  upload: 'M8 10.500v-8M4.5 6 8 2.5 11.5 6M3 13.500h10',
  refresh: 'M13 6.500A5.3 5.3 0 0 0 3.5 5.500L2.5 7M3 9.500a5.3 5.3 0 0 0 9.5 1L13.5 9M13.5 3.500v3h-3M2.5 12.500v-3h3',
  lock: 'M4 7h8v6.500H4zM5.7 7V5a2.3 2.3 0 0 1 4.6 0v2',
  key: 'M5 11a3 3 0 1 1 2.8-4H14v2.500M11 7v2M7.8 8.5 7.5 9',
  more: 'M3 8h.01M8 8h.01M13 8h.01',
  edit: 'M3 13l.6-2.800L10.8 3l2.2 2.2-7.2 7.200z',
  globe: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM2 8h12M8 2c-4 4-4 8 0 12M8 2c4 4 4 8 0 12',
  gear: 'M8 10a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM8 2v2M8 12v2M2 8h2M12 8h2M3.8 3.800l1.4 1.400M10.8 10.800l1.4 1.400M3.8 12.200l1.4-1.400M10.8 5.200l1.4-1.4',
  doc: 'M4 2h5.500L12.5 5v9H4zM9 2v3.500h3.5',
  play: 'M5 3v10l8-5z',
  pause: 'M5 3v10M11 3v10',
  stepBack: 'M12 3v10L5.5 8zM4 3v10',
  stepOn: 'M4 3v10l6.5-5zM12 3v10',
  jump: 'M2.5 4v8l5-4zM8 4v8l5-4zM14 4v8',
  trash: 'M3 4.500h10M6 4.500V3h4v1.500M4.5 4.500l.5 9h6l.5-9M7 7v4M9 7v4',
  info: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 7v4M8 5h.01',
  help: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM6.2 6.3c0-2.300 3.600-2.300 3.600 0 0 1.400-1.800 1.500-1.800 2.900M8 11h.01',
  signout: 'M9 3H3.500v10H9M7 8h7M11.5 5.5 14 8l-2.5 2.5',
  up: 'M4 10l4-4 4 4',
} as const;

export type IconName = keyof typeof PATHS;

/** The same lines for a canvas, on their grid of 16. */
export const iconLines = (name: IconName): string => PATHS[name];

export function Icon({ name, flip = false }: { name: IconName; flip?: boolean }) {
  return (
    <svg className={flip ? 'ico flip' : 'ico'} viewBox="0 0 16 16" fill="none" stroke="currentColor" strokeWidth={name === 'more' ? 2.4 : 1.4} strokeLinejoin="round" strokeLinecap={name === 'more' ? 'round' : 'butt'} aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}

export type Shape = 'critical' | 'warning' | 'normal' | 'unknown';

/** Filled square, outlined triangle, ring, dashed ring: readable without colour. */
export function StatusShape({ shape }: { shape: Shape }) {
  if (shape === 'critical') {
    return (
      <svg className="shp" viewBox="0 0 14 14" aria-hidden="true">
        <rect x=".5" y=".5" width="13" height="13" rx="1.5" fill="var(--crit-fill)" />
        <path d="M7 3v5M7 9.600v1.6" stroke="var(--on-crit)" strokeWidth="1.8" />
      </svg>
    );
  }
  if (shape === 'warning') {
    return (
      <svg className="shp" viewBox="0 0 14 14" aria-hidden="true">
        <path d="M7 1.2 13.2 12.800H.8z" fill="var(--warn-fill)" stroke="var(--warn-edge)" strokeWidth="1.2" strokeLinejoin="round" />
        <path d="M7 5v4M7 10v1.4" stroke="var(--on-warn)" strokeWidth="1.4" />
      </svg>
    );
  }
  return (
    <svg className="shp" viewBox="0 0 14 14" fill="none" stroke="var(--ink-3)" strokeWidth="1.5" aria-hidden="true">
      <circle cx="7" cy="7" r="5.4" strokeDasharray={shape === 'unknown' ? '2.4 1.8' : undefined} />
      {shape === 'unknown' && <path d="M5.6 5.800c0-1.8 2.8-1.8 2.8 0 0 1-1.4 1-1.4 2.100M7 9.300v1" strokeWidth="1.2" />}
    </svg>
  );
}

const EQUIPMENT: Record<string, string> = {
  pump: 'M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM10 3h8M5 15l-2 3h14l-2-3M10 3l7 7-7 7',
  compressor: 'M3 3l14 4v6L3 17z',
  exchanger: 'M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM1 10h5l2-4 4 8 2-4h5',
  vessel: 'M6 2h8a2 2 0 0 1 2 2v12a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2V4a2 2 0 0 1 2-2z',
  valve: 'M2 7v8l8-4zM18 7v8l-8-4zM10 11V5M6 5h8',
  turbine: 'M3 7l14-4v14L3 13z',
  motor: 'M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM7 13V7l3 4 3-4v6',
  fan: 'M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM10 10 6 6M10 10l5-1M10 10l-1 5',
  furnace: 'M4 18V6l6-4 6 4v12zM8 15c0-3 4-3 2-7 4 2 4 7 0 7z',
  other: 'M3 3h14v14H3z',
};

const FAMILY_WORDS: [RegExp, string][] = [
  [/pump/, 'pump'], [/compressor/, 'compressor'], [/exchanger|cooler|condenser/, 'exchanger'], [/turbine|generator/, 'turbine'],
  [/valve/, 'valve'], [/motor/, 'motor'], [/fan|blower|tower/, 'fan'], [/furnace|heater|boiler/, 'furnace'], [/vessel|drum|tank|column|reactor/, 'vessel'],
];

/** The lines of a family's symbol, on a grid of 20. */
export const equipmentLines = (family: string): string => EQUIPMENT[FAMILY_WORDS.find(([words]) => words.test(family))?.[1] ?? 'other']!;

export function EquipmentIcon({ family }: { family: string }) {
  return (
    <svg className="equip" viewBox="0 0 20 20" fill="none" stroke="currentColor" strokeWidth="1.3" strokeLinejoin="round" aria-hidden="true">
      <path d={equipmentLines(family)} />
    </svg>
  );
}
