// Why it happened: hypotheses with what speaks for and against them and what is missing, and, kept apart from the
// rules, where it likely began by the data alone. Each finding leads to its samples.
import { useMutation, useQuery } from '@tanstack/react-query';
import { createContext, useContext, useMemo, useState } from 'react';
import { api } from '@/api/calls';
import { useSession } from '@/api/session';
import type { EvidenceItem, EvidenceSample, FirstMover, Hypothesis, RootCause } from '@/api/types';
import { Icon } from '@/components/icons';
import { AppLink } from '@/components/link';
import { Quantity, Tag, Toward, When } from '@/components/marks';
import { useSignalName } from '@/components/metrics';
import { InlineError } from '@/components/notices';
import { Loaded, Pane } from '@/components/page';
import { useText } from '@/i18n/text';
import type { Moment } from '@/lib/moments';
import type { Player } from '@/lib/player';
import { WorkOrderForm, type WorkOrderStart } from './work-order-form';

const SIDES = ['for', 'against', 'not_seen', 'missing'] as const;
const SIGNS = { for: '+', against: '−', not_seen: '○', missing: '?' } as const;

/** How far the clock behind each signal's samples was ahead: the axis shows corrected times. */
const Offsets = createContext<ReadonlyMap<string, number>>(new Map());

/** Events of the incident by their id: a finding leads to those behind it. */
const Events = createContext<ReadonlyMap<string, Moment>>(new Map());

function Sample({ sample, player }: { sample: EvidenceSample; player: Player }) {
  const name = useSignalName();
  const ahead = useContext(Offsets).get(sample.signal_id) ?? 0;
  return (
    <button type="button" className="link sample" title={name(sample)} onClick={() => player.seek(sample.t - ahead)}>
      <Quantity value={sample.value} unit={sample.unit} metric={sample.metric} /> <When at={sample.t} ms />
    </button>
  );
}

function Happened({ id, player }: { id: string; player: Player }) {
  const moment = useContext(Events).get(id);
  if (!moment) return null;
  return <button type="button" className="link sample" data-event={id} title={moment.item.event.message} onClick={() => player.seek(moment.at)}><When at={moment.item.event.event_time} ms /></button>;
}

/** Causes that look alike, and what tells them apart. */
function Confusers({ hypothesis }: { hypothesis: Hypothesis }) {
  const { t, p, name } = useText();
  const confusers = hypothesis.confusers ?? [];
  const packs = useQuery({ queryKey: ['rule-packs', p.language], queryFn: api.rulePacks, enabled: confusers.length > 0, staleTime: Infinity }).data ?? [];
  if (confusers.length === 0) return null;
  const called = (id: string) => name(packs.flatMap((pack) => pack.rules).find((rule) => rule.id === id)?.names) || id;
  return <div className="evidence" data-part="confusers"><h4>{t('root_cause.confusers')}</h4><ul>{confusers.map((c) => <li key={c.id}><span aria-hidden="true">{'≠'}</span><span><bdi>{called(c.id)}</bdi>: <bdi>{name(c.discriminator)}</bdi></span></li>)}</ul></div>;
}

function Evidence({ items, player }: { items: EvidenceItem[]; player: Player }) {
  const { t, word } = useText();
  return (
    <>
      {SIDES.map((side) => {
        const found = items.filter((item) => item.side === side);
        if (found.length === 0) return null;
        return (
          <div key={side} className="evidence">
            <h4>{word('evidence_side', side)}</h4>
            <ul>
              {found.map((item) => (
                <li key={item.key} title={item.condition}>
                  <bdi className="sign" aria-hidden="true">{SIGNS[side]}</bdi>
                  <span><span>{item.finding.text}</span>{item.weight === 3 && <span className="chip">{t('root_cause.decisive')}</span>}
                    {item.samples.length > 0 && <span className="samples">{item.samples.slice(0, 3).map((s) => <Sample key={`${s.signal_id} ${s.t}`} sample={s} player={player} />)}</span>}
                    {item.event_ids.length > 0 && <span className="samples">{item.event_ids.slice(0, 3).map((id) => <Happened key={id} id={id} player={player} />)}</span>}
                  </span>
                </li>
              ))}
            </ul>
          </div>
        );
      })}
    </>
  );
}

type Advice = Hypothesis['actions'][number];

function OneHypothesis({ hypothesis, player, first, order }: { hypothesis: Hypothesis; player: Player; first: boolean; order?: (hypothesis: Hypothesis, advice: Advice) => void }) {
  const { t, n, name, word } = useText();
  const [open, setOpen] = useState(first);
  const count = (side: (typeof SIDES)[number]) => hypothesis.evidence?.filter((item) => item.side === side).length ?? 0;
  return (
    <li className="hypothesis">
      <button type="button" className="row hypothesis-head" aria-expanded={open} onClick={() => setOpen(!open)}>
        <Icon name={open ? 'down' : 'forward'} flip={!open} />
        <span className="grow"><span className="m5">{name(hypothesis.names)}</span><span className="cap dim hypothesis-sub">{word('hypothesis_grade', hypothesis.grade)} · <bdi dir="ltr">{`${n(hypothesis.confidence * 100, 0)}%`}</bdi> · <Tag>{hypothesis.asset_code}</Tag>{hypothesis.signal && <> · <span data-signal={hypothesis.signal.signal_id}>{name(hypothesis.signal.names)}</span>{hypothesis.signal.tag && <> <Tag className="tail">{hypothesis.signal.tag}</Tag></>}</>}</span></span>
        {hypothesis.evidence && <span className="row g1">{SIDES.map((side) => <bdi key={side} className="kbd" dir="ltr" title={word('evidence_side', side)}>{`${SIGNS[side]}${n(count(side), 0)}`}</bdi>)}</span>}
      </button>
      {open && (
        <div className="hypothesis-body">
          <p className="help">{hypothesis.reason.text}</p>
          {hypothesis.evidence && <Evidence items={hypothesis.evidence} player={player} />}
          <Confusers hypothesis={hypothesis} />
          {hypothesis.contributing_factors && hypothesis.contributing_factors.length > 0 && <div className="evidence"><h4>{t('root_cause.factors')}</h4><ul>{hypothesis.contributing_factors.map((f) => <li key={f.text}><span aria-hidden="true">{'·'}</span><span>{f.text}</span></li>)}</ul></div>}
          {hypothesis.actions.length > 0 && <div className="evidence"><h4>{t('root_cause.actions')}</h4><ul>{hypothesis.actions.map((a) => <li key={name(a.names)}>{order ? <button type="button" className="btn quiet sm icon" data-action="order-advice" aria-label={`${t('work_orders.for_recommendation')}: ${name(a.names)}`} title={t('work_orders.for_recommendation')} onClick={() => order(hypothesis, a)}><Icon name="wrench" /></button> : <Icon name="wrench" />}<span>{name(a.names)}{a.hours_from !== null && a.hours_to !== null && <bdi className="cap dim">{` ${t('root_cause.hours', { from: n(a.hours_from), to: a.hours_to })}`}</bdi>}</span></li>)}</ul></div>}
        </div>
      )}
    </li>
  );
}

function FirstMovers({ movers, player }: { movers: FirstMover[]; player: Player }) {
  const { t, n, word } = useText();
  const name = useSignalName();
  const offsets = useContext(Offsets);
  const earliest = Math.min(...movers.map((m) => m.onset_at));
  return (
    <Pane title={t('root_cause.first')} caption={t('root_cause.data_alone')}>
      <ol className="list">
        {movers.map((m) => (
          <li key={m.signal_id}>
            <span className="order">{n(m.rank, 0)}</span>
            <span className="grow two">
              <AppLink to={`/assets/${m.asset_id}?signal=${m.signal_id}&t=${m.onset_at}&range=1h`} className="ell">{name(m)}</AppLink>
              <small><Tag>{m.asset_code}</Tag> · {word('move_direction', m.direction)} · <Quantity value={m.usual} unit={m.unit} metric={m.metric} /> <Toward /> <Quantity value={m.sample.value} unit={m.unit} metric={m.metric} /></small>
              <small><button type="button" className="link sample" onClick={() => player.seek(m.onset_at - (offsets.get(m.signal_id) ?? 0))}><When at={m.onset_at} ms /></button>{m.onset_at === earliest && movers.length > 1 && <> · {t('root_cause.earliest')}</>}</small>
            </span>
          </li>
        ))}
      </ol>
    </Pane>
  );
}

/** A summary by a language model, asked for by hand and marked as what it is. */
function WrittenSummary({ incident }: { incident: string }) {
  const { t, p } = useText();
  const ask = useMutation({ mutationFn: () => api.narrative(incident) });
  const written = ask.data;
  return (
    <Pane title={t('narrative.title')} flush={false}>
      <div className="col">
        {written && <><p className="s narrative" dir="auto" lang={p.language}>{written.text}</p><p className="help">{t('narrative.by', { model: written.model, host: written.host })} <When at={written.at} /></p></>}
        <InlineError error={ask.error} />
        {!written && <p className="help">{t('narrative.ask_why')}</p>}
        <div><button type="button" className="btn" disabled={ask.isPending} onClick={() => ask.mutate()}>{t(ask.isPending ? 'narrative.writing' : 'narrative.ask')}</button></div>
      </div>
    </Pane>
  );
}

/** Without data to compare with, none is shown. */
const shownOf = (cause: RootCause): Hypothesis[] => (cause.verdict === 'not_enough_data' ? [] : cause.hypotheses);

function Found({ cause, player, order }: { cause: RootCause; player: Player; order?: (hypothesis: Hypothesis, advice: Advice) => void }) {
  const { t, n, word } = useText();
  return (
    <>
      <Pane title={t('root_cause.title')} caption={t('root_cause.not_verdicts')} foot={<span><AppLink className="link" to={`/rule-packs?pack=${cause.packs[0]?.id ?? ''}`}>{t('page.rule_packs')}</AppLink> · {t('root_cause.made_of', { packs: cause.packs.map((p) => `${p.id} ${p.version}`).join(', '), samples: cause.samples_read, version: n(cause.version, 0) })} · {t('root_cause.judged')} <When at={cause.window_from} full /> – <When at={cause.window_to} full /></span>}>
        <div className="pb col">
          <p className="m5">{word('root_cause_verdict', cause.verdict)}</p>
          {cause.explanation.map((s) => <p key={s.text} className="s"><Unbroken text={s.text} /></p>)}
        </div>
        <ul className="hypotheses">{shownOf(cause).map((h, i) => <OneHypothesis key={`${h.id} ${h.asset_id} ${h.signal?.signal_id ?? ''}`} hypothesis={h} player={player} order={order} first={i === 0 && cause.verdict === 'named'} />)}</ul>
      </Pane>
      {cause.first_movers && cause.first_movers.length > 0 && <FirstMovers movers={cause.first_movers} player={player} />}
    </>
  );
}

/** A sentence whose codes stay whole: cut at its hyphen, `K-202` would be read from its wrong end in Arabic. */
export function Unbroken({ text }: { text: string }) {
  return <>{text.split(/(\u2068[^\s\u2068\u2069]{1,24}\u2069)/).map((part, i) => (i % 2 === 1 ? <span key={i} className="nw">{part}</span> : part))}</>;
}

export function RootCausePanel({ incident, player, offsets, moments }: { incident: string; player: Player; offsets: ReadonlyMap<string, number>; moments: Moment[] }) {
  const { t, p, name } = useText();
  const { may } = useSession();
  const [start, setStart] = useState<WorkOrderStart | null>(null);
  // A recommendation goes with all that is known about it.
  const order = (h: Hypothesis, advice: Advice) => setStart({ incident_id: incident, asset_id: h.asset_id, asset_code: h.asset_code, title: `${h.asset_code}: ${name(advice.names)}`, recommendation: name(advice.names), failure_mode: h.mode, failure_cause: h.id, estimated_hours: advice.hours_to ?? undefined });
  const query = useQuery({ queryKey: ['root-cause', incident, p.language], queryFn: () => api.rootCause(incident) });
  const events = useMemo(() => new Map(moments.map((m) => [m.item.event.id, m])), [moments]);
  return <Loaded query={query} what={t('root_cause.loading')} rows={4}>{(cause) => <Offsets value={offsets}><Events value={events}><Found cause={cause} player={player} order={may('work_orders.write') ? order : undefined} />{cause.has_narrative && <WrittenSummary incident={incident} />}{start && <WorkOrderForm start={start} onClose={() => setStart(null)} />}</Events></Offsets>}</Loaded>;
}
