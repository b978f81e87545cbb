// The steps of a test that was made on request, with the one that failed and what helps.
import type { ReactNode } from 'react';
import type { TestStage } from '@/api/types';
import { Icon, StatusShape } from '@/components/icons';
import { useText } from '@/i18n/text';

export function TestStages({ words, stages, verdict }: { words: string; stages: TestStage[]; verdict: ReactNode }) {
  const { n, word } = useText();
  return (
    <ol className="list mail-stages" aria-live="polite">
      {stages.map((stage) => (
        <li key={stage.key}>
          {stage.status === 'ok' ? <Icon name="check" /> : <StatusShape shape="critical" />}
          <div className="grow"><div className="s">{word(words, stage.key)} <bdi className="cap dim" dir="ltr">{`${n(stage.ms, 0)} ms`}</bdi></div>{stage.message && <p className="s">{stage.message.message}</p>}</div>
        </li>
      ))}
      <li className="b">{verdict}</li>
    </ol>
  );
}
