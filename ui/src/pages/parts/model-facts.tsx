// What a version was learned from, the ways the machine is run, and how long it may last.
import type { AssetLife, ModelVersion, RemainingLife } from '@/api/types';
import { Bar } from '@/components/instruments';
import { Tag, When } from '@/components/marks';
import { useMetricName } from '@/components/metrics';
import { useText } from '@/i18n/text';
import { chanceDecimals, unitLabel } from '@/lib/format';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

export function usePercent(): (share: number, decimals?: number) => string {
  const { n } = useText();
  return (share, decimals = 0) => `${n(share * 100, decimals)} %`;
}

/** A chance in per cent; it is never 0, and not shown as 0. */
export function useChance(): (share: number) => string {
  const percent = usePercent();
  return (share) => percent(share, chanceDecimals(share));
}

export function Facts({ version, next }: { version: ModelVersion; next: number | null }) {
  const { t, n, span } = useText();
  return (
    <dl className="kv">
      <dt>{t('model.trained')}</dt><dd><When at={version.created_at} /> · <bdi>{version.created_by}</bdi></dd>
      <dt>{t('model.window')}</dt><dd><When at={version.window_from} /> – <When at={version.window_to} /></dd>
      <dt>{t('model.learned')}</dt><dd><When at={version.learned_from} /> – <When at={version.learned_to} /></dd>
      <dt>{t('model.rows')}</dt><dd>{n(version.rows, 0)}</dd>
      <dt>{t('model.left_out')}</dt><dd>{n(version.left_out, 0)}</dd>
      <dt>{t('model.row')}</dt><dd>{span(version.row_ms)}</dd>
      <dt>{t('model.method')}</dt><dd><Tag>{version.method}</Tag></dd>
      <dt>{t('model.program')}</dt><dd><Tag>{`${version.code} · ${version.seed}`}</Tag></dd>
      <dt>{t('model.next_training')}</dt><dd>{next === null ? t('schedules.off') : <When at={next} />}</dd>
    </dl>
  );
}

export function Inputs({ version, family }: { version: ModelVersion; family: string }) {
  const { t } = useText();
  const metric = useMetricName();
  const percent = usePercent();
  return (
    <ul className="list">
      {version.inputs.map((i) => (
        <li key={i.metric} data-used={i.is_used}>
          <div className="grow"><span className="s">{metric(i.metric, family)}</span>{!i.is_used && <div className="cap dim">{t('model.input_unused')}</div>}</div>
          <bdi className="q" dir="ltr">{percent(i.filled)}</bdi>
        </li>
      ))}
    </ul>
  );
}

export function Regimes({ version, family }: { version: ModelVersion; family: string }) {
  const { t, n } = useText();
  const metric = useMetricName();
  const percent = usePercent();
  if (version.regimes.length === 1 && version.regimes[0]!.signals.length === 0) return <p className="help">{t('model.regime_one')}</p>;
  return (
    <ul className="contrib">
      {version.regimes.map((r, i) => (
        <li key={i}>
          <span className="s">{t('model.regime')} {n(i + 1, 0)}{r.signals.map((s) => <span key={s.metric} className="cap dim"> · {metric(s.metric, family)} <bdi dir="ltr">{n(s.center, 1)}</bdi></span>)}</span>
          <Bar share={r.share * 100} />
          <bdi className="q" dir="ltr">{percent(r.share)}</bdi>
        </li>
      ))}
    </ul>
  );
}

/** Hours in words, to the day where it is days: nobody knows the hour. */
function useDays(): (hours: number) => string {
  const { span } = useText();
  return (hours) => {
    const step = hours >= 72 ? DAY_MS : HOUR_MS;
    return span(Math.max(step, Math.round((hours * HOUR_MS) / step) * step));
  };
}

export function RemainingSpan({ life }: { life: RemainingLife }) {
  const { t } = useText();
  const ahead = useDays();
  if (life.reached_since !== null) return <b data-reached={life.reached_since}>{t('model.remaining_reached_since')} <When at={life.reached_since} /></b>;
  if (life.expected_h === 0) return <b>{t('model.remaining_reached')}</b>;
  return <b>{life.high_h === null ? t('model.remaining_from', { low: ahead(life.low_h) }) : t('model.remaining_between', { low: ahead(life.low_h), high: ahead(life.high_h) })}</b>;
}

function Remaining({ life, family }: { life: RemainingLife; family: string }) {
  const { t, n, span } = useText();
  const metric = useMetricName();
  const ahead = useDays();
  const level = (value: number) => `${n(value, 1)} ${unitLabel(life.unit)}`.trim();
  const which = t(`model.remaining_${life.is_high ? 'high' : 'low'}${life.is_critical ? '_critical' : ''}`);
  if (life.reached_since !== null) {
    return (
      <div data-remaining={life.metric}>
        <p><RemainingSpan life={life} /></p>
        <p className="help">{metric(life.metric, family)}: {level(life.limit)} ({which}). {t('model.remaining_levels', { usual: level(life.usual), now: level(life.now) })}.</p>
        {!life.is_critical && <p className="help">{t('model.remaining_warning_only')}</p>}
      </div>
    );
  }
  return (
    <div data-remaining={life.metric}>
      <p><RemainingSpan life={life} /></p>
      <p className="help">{life.expected_h > 0 ? t('model.remaining_likely', { span: ahead(life.expected_h), signal: metric(life.metric, family), limit: level(life.limit), which }) : `${metric(life.metric, family)}: ${level(life.limit)} (${which})`}{'. '}{t('model.remaining_from_what')} <When at={life.since} />: {t('model.remaining_levels', { usual: level(life.usual), now: level(life.now) })}.</p>
      <p className="help">{t('model.remaining_basis', { points: n(life.points, 0), row: span(life.row_ms) })} <Tag>{life.method}</Tag></p>
    </div>
  );
}

export function Life({ life, family }: { life: AssetLife; family: string }) {
  const { t, n } = useText();
  const days = useDays();
  const chance = useChance();
  const c = life.chance;
  return (
    <div className="stack">
      <dl className="kv">
        {c && (
          <>
            <dt>{t('model.chance', { days: n(life.horizon_h / 24, 0) })}</dt><dd><b><bdi dir="ltr">{chance(c.p)}</bdi></b></dd>
            <dt>{t('model.interval')}</dt><dd><bdi dir="ltr">{`${chance(c.low)} – ${chance(c.high)}`}</bdi></dd>
            <dt>{t('model.chance_base')}</dt><dd><bdi dir="ltr">{chance(c.base)}</bdi></dd>
            <dt>{t('model.chance_own')}</dt><dd>{n(c.own_failures, 0)}</dd>
          </>
        )}
        {life.age_h !== null && <><dt>{t('contributor.age')}</dt><dd>{days(life.age_h)}</dd></>}
      </dl>
      {life.chance_withheld && <p className="help" data-withheld={life.chance_withheld.code}>{life.chance_withheld.message}</p>}
      {life.remaining && <div><div className="cap mid">{t('model.remaining')}</div><Remaining life={life.remaining} family={family} /></div>}
      {life.remaining_withheld && <div><div className="cap mid">{t('model.remaining')}</div><p className="help" data-withheld={life.remaining_withheld.code}>{life.remaining_withheld.message}</p></div>}
    </div>
  );
}
