// Where the chosen tags probably belong, with score and reason. Confident rows are checked, doubtful ones are not.
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '@/api/calls';
import type { Asset, BrowseItem, Candidate, Integration } from '@/api/types';
import { useToasts } from '@/components/dialog';
import { Bar } from '@/components/instruments';
import { SourceTag, Tag } from '@/components/marks';
import { useFamilies, useMetricName } from '@/components/metrics';
import { InlineError } from '@/components/notices';
import { Loaded, Pane } from '@/components/page';
import { useText } from '@/i18n/text';

/** From here on a suggestion is checked by itself. */
const CONFIDENT = 0.8;

export function Suggestions({ integration, items, assets, onClear, onDone }: { integration: Integration; items: BrowseItem[]; assets: Asset[]; onClear: () => void; onDone: () => void }) {
  const { t, n } = useText();
  const metric = useMetricName();
  const families = useFamilies();
  const toasts = useToasts();
  const [choice, setChoice] = useState<Record<string, boolean>>({});
  const [error, setError] = useState<unknown>(null);
  const tags = items.map((i) => ({ tag: i.id, name: i.path || i.display, unit: i.unit }));
  const query = useQuery({ queryKey: ['suggest', integration.id, tags], queryFn: () => api.suggest({ integration_id: integration.id, tags }), placeholderData: (old) => old });
  const taken = (tag: string, best: Candidate | undefined) => choice[tag] ?? (best !== undefined && best.score >= CONFIDENT);
  const unitOf = (tag: string, best: Candidate) => {
    const given = items.find((i) => i.id === tag)?.unit;
    if (given) return given;
    const family = assets.find((a) => a.id === best.asset_id)?.family;
    return families.data?.find((f) => f.family === family)?.metrics.find((m) => m.metric === best.metric_name)?.unit ?? '';
  };
  const accept = async () => {
    setError(null);
    let done = 0;
    for (const { tag, candidates } of query.data ?? []) {
      const best = candidates[0];
      if (!best || !taken(tag, best)) continue;
      try {
        await api.createMapping({ integration_id: integration.id, external_tag: tag, asset_id: best.asset_id, metric_name: best.metric_name, unit: unitOf(tag, best) });
        done += 1;
      } catch (e) {
        setError(e);
        break;
      }
    }
    if (done > 0) toasts.done(t('mapping.accepted', { n: done }));
    if (done > 0 && error === null) onDone();
  };
  return (
    <Pane title={t('suggest.title')} caption={t('suggest.chosen', { n: items.length })} end={<button type="button" className="btn quiet sm" onClick={onClear}>{t('suggest.clear')}</button>}>
      <Loaded query={query} what={t('suggest.loading')}>
        {(list) => {
          const count = list.filter((s) => taken(s.tag, s.candidates[0])).length;
          return (
            <>
              <div className="scroll" tabIndex={0} role="region" aria-label={t('suggest.title')}>
                <table className="tb">
                  <thead><tr><th scope="col"><span className="sr">{t('suggest.take')}</span></th><th scope="col">{t('mapping.tag')}</th><th scope="col">{t('field.asset')}</th><th scope="col">{t('mapping.metric')}</th><th scope="col">{t('suggest.score')}</th></tr></thead>
                  <tbody>
                    {list.map(({ tag, candidates }) => {
                      const best = candidates[0];
                      return (
                        <tr key={tag}>
                          <td><input type="checkbox" className="chkbox" aria-label={t('suggest.take_tag', { tag })} disabled={!best} checked={taken(tag, best)} onChange={(e) => setChoice({ ...choice, [tag]: e.target.checked })} /></td>
                          <td className="two"><SourceTag tag={tag} /><small>{best ? best.reasons.join('، ') : t('suggest.none')}</small></td>
                          <td>{best && <Tag>{best.asset_code}</Tag>}</td>
                          <td>{best && metric(best.metric_name)}</td>
                          <td>{best && <span className="row"><bdi>{n(best.score * 100, 0)}</bdi><Bar share={best.score * 100} /></span>}</td>
                        </tr>
                      );
                    })}
                  </tbody>
                </table>
              </div>
              <div className="pf actions"><button type="button" className="btn pri" disabled={count === 0} onClick={() => void accept()}>{t('suggest.accept', { n: count })}</button></div>
            </>
          );
        }}
      </Loaded>
      {error !== null && <div className="pb"><InlineError error={error} /></div>}
    </Pane>
  );
}
