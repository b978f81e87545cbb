// A connection test step by step. It passes only when a value was read; the failed step carries cause and remedy.
import type { ReactNode } from 'react';
import type { TestReport, TestStage } from '@/api/types';
import { sentence } from '@/i18n';
import { useText } from '@/i18n/text';
import { Icon, StatusShape } from './icons';
import { Tag } from './marks';
import { Notice } from './notices';

export const STAGE_KEYS = ['dns', 'tcp', 'hello', 'security', 'session', 'read'];

/** All steps in their order: those that happened, the one that runs, those not tried. */
export function rowsOf(stages: TestStage[], running: boolean, order: string[] = STAGE_KEYS): TestStage[] {
  const byKey = new Map(stages.map((s) => [s.key, s]));
  const keys = [...stages.map((s) => s.key).filter((k) => !order.includes(k)), ...order];
  let waiting = running;
  return keys.map((key) => {
    const known = byKey.get(key);
    if (known) return known;
    const status = waiting ? 'running' : 'skipped';
    waiting = false;
    return { key, status, ms: 0, message: null };
  });
}

function Mark({ stage, n }: { stage: TestStage; n: number }) {
  if (stage.status === 'failed') return <StatusShape shape="critical" />;
  if (stage.status === 'warning') return <StatusShape shape="warning" />;
  return <span className={`step ${stage.status}`}>{stage.status === 'ok' ? <Icon name="check" /> : <bdi>{n}</bdi>}</span>;
}

export function StagedTest({ stages, running, report, order, action }: { stages: TestStage[]; running: boolean; report: TestReport | null; order?: string[]; action?: (stage: TestStage) => ReactNode }) {
  const { t, n } = useText();
  const rows = rowsOf(report?.stages.length ? report.stages : stages, running, order);
  return (
    <div aria-live="polite">
      <ol className="stages">
        {rows.map((stage, i) => {
          const name = sentence('stage', stage.key) ?? t(`stage.${stage.key}`);
          return (
            <li key={stage.key} data-stage={stage.key} data-status={stage.status}>
              <Mark stage={stage} n={i + 1} />
              <div className="grow">
                <div className="row base">
                  <span className={stage.status === 'skipped' ? 'dim' : 'm5'}>{name}</span>
                  <span className="sr">{t(`stage.status.${stage.status}`)}</span>
                  <span className="end">{stage.status === 'ok' || stage.status === 'warning' || stage.status === 'failed' ? <Tag>{`${n(stage.ms, 0)} ms`}</Tag> : <span className="dim cap">{t(`stage.status.${stage.status}`)}</span>}</span>
                </div>
                {stage.status === 'ok' && stage.message?.message && <div className="cap dim">{stage.message.message}</div>}
                {stage.status === 'warning' && stage.message && <div className="note warning"><span>{stage.message.message}</span></div>}
                {stage.status === 'failed' && stage.message && (
                  <div className="note critical"><div className="col"><span>{stage.message.message}</span><div className="row wrap">{action?.(stage)}<Tag className="cap">{stage.message.code}</Tag></div></div></div>
                )}
              </div>
            </li>
          );
        })}
      </ol>
      {report && <div className="pb" data-test-result={report.success ? 'ok' : 'failed'}><Notice tone={report.success ? 'plain' : 'critical'}>{report.message}</Notice></div>}
    </div>
  );
}
