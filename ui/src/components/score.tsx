// A score confesses: what it is made of, model, age, coverage; without a basis it says so in words.
import type { Assessment, AssetStatus } from '@/api/types';
import { useText } from '@/i18n/text';
import { scoreModel } from '@/lib/score-model';
import { Bar } from './instruments';
import { Derived, Tag, When } from './marks';
import { useMetricName } from './metrics';

export function healthStatus(health: number | null | undefined): AssetStatus {
  if (health === null || health === undefined) return 'unknown';
  if (health < 40) return 'critical';
  return health < 70 ? 'warning' : 'normal';
}

/** A bar of its own for each reason: the same signal may be unusual and drift. */
function useReason(): (c: Assessment['contributors'][number], family?: string) => string {
  const { t } = useText();
  const metric = useMetricName();
  return (c, family) => (c.kind === 'drift' || c.kind === 'limit' ? `${metric(c.metric, family)} · ${t(`contributor.${c.kind}`)}` : metric(c.metric, family));
}

/** Method, version and training window of a score. */
export function ScoreModelLine({ model }: { model: string }) {
  const { t } = useText();
  const { method, version, from, to } = scoreModel(model);
  return <><Tag wrap>{method}</Tag>{version !== null && <> · {t('model.version', { n: version })}</>}{from !== null && to !== null && <div className="cap dim">{t('score.learned')} <When at={from} /> – <When at={to} /></div>}</>;
}

export function ScoreFacts({ assessment, family }: { assessment: Assessment; family?: string }) {
  const { t, n, span } = useText();
  const reason = useReason();
  const top = assessment.contributors.slice(0, 4).filter((c) => c.points > 0);
  return (
    <div className="stack">
      <b>{t('score.behind')}</b>
      {top.length > 0 && (
        <ul className="list tight">
          {top.map((c) => (
            <li key={`${c.kind} ${c.metric}`}><span className="grow">{reason(c, family)}</span><bdi className="q" dir="ltr">{`−${n(c.points, 1)}`}</bdi></li>
          ))}
        </ul>
      )}
      <dl className="kv">
        <dt>{t('score.at')}</dt><dd><When at={assessment.at} /></dd>
        <dt>{t('score.coverage')}</dt><dd><bdi dir="ltr">{`${n(assessment.coverage * 100, 0)} %`}</bdi></dd>
        {assessment.input_age_ms !== null && <><dt>{t('score.input_age')}</dt><dd>{span(assessment.input_age_ms)}</dd></>}
        <dt>{t('score.model')}</dt><dd><ScoreModelLine model={assessment.model} /></dd>
      </dl>
    </div>
  );
}

/** Health as a number, or the reason why there is none. */
export function HealthScore({ health, assessment, family, big }: { health: number | null; assessment: Assessment | null; family?: string; big?: boolean }) {
  const { t, n } = useText();
  if (health === null) {
    const why = assessment?.withheld_message ?? t('score.not_enough');
    return <span className="dim s">{big ? why : t('score.not_enough')}</span>;
  }
  const status = healthStatus(health);
  const number = <span className={`${big ? 'num' : 'b'} ${status === 'critical' ? 'crit-t' : status === 'warning' ? 'warn-t' : ''}`}>{n(health, 0)}</span>;
  if (!assessment) return number;
  return <Derived label={t('score.health_facts', { value: n(health, 0) })} facts={<ScoreFacts assessment={assessment} family={family} />}>{number}</Derived>;
}

/** Bars of what lowers the health, largest first, each with its points: 100 less all of them is the health. */
export function Contributors({ assessment, family }: { assessment: Assessment; family?: string }) {
  const { t, n } = useText();
  const reason = useReason();
  const all = assessment.contributors.filter((c) => c.points > 0);
  const total = all.reduce((sum, c) => sum + c.points, 0);
  if (total === 0) return <p className="help">{t('score.nothing_lowers')}</p>;
  return (
    <>
      <ul className="contrib">
        {all.map((c) => {
          const share = (c.points / total) * 100;
          return (
            <li key={`${c.kind} ${c.metric}`} data-reason={c.kind} data-points={c.points}>
              <span className="s label">{reason(c, family)}</span>
              <Bar share={share} status={share >= 40 ? healthStatus(assessment.health) : undefined} />
              <bdi className="q" dir="ltr">{`−${n(c.points, 1)}`}</bdi>
            </li>
          );
        })}
      </ul>
      {assessment.health !== null && <p className="cap dim">{t('score.points')} <bdi dir="ltr">{`100 − ${n(total, 1)} = ${n(assessment.health, 1)}`}</bdi></p>}
    </>
  );
}
