// The picture beside the sign-in form: a signal leaves its band, events follow, one line marks the moment. A drawing,
// not data; hidden from screen readers.

/** A quiet line that rises and falls off at the moment, on a 600 × 200 field. */
function line(): string {
  const moment = 445;
  const points: string[] = [];
  for (let x = 0; x <= 600; x += 5) {
    const ripple = Math.sin(x * 0.41) * 4 + Math.sin(x * 0.173) * 5 + Math.sin(x * 0.93) * 2;
    const rise = x > 360 && x < moment ? ((x - 360) / (moment - 360)) ** 1.6 * 78 : 0;
    const y = x < moment ? 112 - ripple - rise : 186 - ripple * 0.8;
    points.push(`${points.length === 0 ? 'M' : 'L'}${x} ${y.toFixed(1)}`);
  }
  return points.join('');
}

const LANES = [[130, 245, 346, 376, 394, 412, 426, 441], [384, 436, 448], [402, 478, 527]];

export function DoorMotif() {
  return (
    <svg className="motif ltr" viewBox="0 0 600 300" aria-hidden="true" fill="none">
      <rect x="0" y="84" width="600" height="58" fill="var(--band)" opacity=".6" />
      <path d={line()} stroke="var(--ink-2)" strokeWidth="1.4" />
      {LANES.map((marks, lane) => (
        <g key={lane}>
          <path d={`M0 ${226 + lane * 22}H600`} stroke="var(--line)" />
          {marks.map((x) => <path key={x} d={`M${x} ${212 + lane * 22}v10`} stroke={lane === 1 ? 'var(--crit-fill)' : 'var(--ink-2)'} strokeWidth="2" />)}
        </g>
      ))}
      <path d="M445 20V272" stroke="var(--past)" strokeWidth="1.6" />
    </svg>
  );
}
