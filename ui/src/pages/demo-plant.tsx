// The demo plant: develop a fault, start a scenario, reset. Only where DEMO_MODE is on; everything is marked as such.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { api } from '@/api/calls';
import { RequestFailed } from '@/api/http';
import type { PlantStatus } from '@/api/types';
import { useConfirm, useToasts } from '@/components/dialog';
import { Field } from '@/components/fields';
import { Bar } from '@/components/instruments';
import { Tag, When } from '@/components/marks';
import { EmptyState, InlineError, Notice } from '@/components/notices';
import { Loaded, PageHead, Pane } from '@/components/page';
import { PlantBehind } from '@/components/plant-behind';
import { useText } from '@/i18n/text';

function Inject({ plant, onDone }: { plant: PlantStatus; onDone: () => void }) {
  const { t, name } = useText();
  const toasts = useToasts();
  const [fault, setFault] = useState(plant.faults[0]?.fault ?? '');
  const [asset, setAsset] = useState('');
  const [over, setOver] = useState('300');
  const [error, setError] = useState<unknown>(null);
  const assets = plant.faults.find((f) => f.fault === fault)?.assets ?? [];
  const target = assets.includes(asset) ? asset : (assets[0] ?? '');
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setError(null);
    try {
      await api.inject({ asset: target, fault, over_s: Number(over) });
      toasts.done(t('plant.injected'));
      onDone();
    } catch (e) {
      setError(e);
    }
  };
  return (
    <Pane title={t('plant.inject')} flush={false}>
      <form className="stack" onSubmit={(event) => void submit(event)}>
        <Field label={t('plant.fault')}>{(p) => <select {...p} className="in" name="fault" value={fault} onChange={(e) => setFault(e.target.value)}>{plant.faults.map((f) => <option key={f.fault} value={f.fault}>{name(f.names)}</option>)}</select>}</Field>
        <Field label={t('field.asset')}>{(p) => <select {...p} className="in mono" name="asset" value={target} onChange={(e) => setAsset(e.target.value)}>{assets.map((a) => <option key={a} value={a}>{a}</option>)}</select>}</Field>
        <Field label={t('plant.over')}>{(p) => <select {...p} className="in" name="over" value={over} onChange={(e) => setOver(e.target.value)}>{[120, 300, 600, 1800, 7200].map((s) => <option key={s} value={s}>{t(`plant.over.${s}`)}</option>)}</select>}</Field>
        <InlineError error={error} />
        <div><button type="submit" className="btn pri" disabled={!fault || !target}>{t('plant.inject_action')}</button></div>
      </form>
    </Pane>
  );
}

function Scenarios({ plant, onDone }: { plant: PlantStatus; onDone: () => void }) {
  const { t, name } = useText();
  const toasts = useToasts();
  const [scale, setScale] = useState('60');
  const start = async (id: string) => {
    await api.scenario({ id, time_scale: Number(scale) });
    toasts.done(t('plant.scenario_started'));
    onDone();
  };
  return (
    <Pane title={t('plant.scenarios')} end={<label className="row g1 cap">{t('plant.scale')}<select className="in auto" value={scale} onChange={(e) => setScale(e.target.value)}>{['1', '10', '60', '600'].map((s) => <option key={s} value={s}>{`${s}×`}</option>)}</select></label>}>
      <ul className="list">{plant.scenarios.map((s) => <li key={s.id}><Tag className="b">{s.id}</Tag><span className="grow s">{name(s.names)}</span><button type="button" className="btn sm" aria-label={t('plant.start_scenario', { id: s.id })} onClick={() => void start(s.id).catch(toasts.failed)}>{t('action.start')}</button></li>)}</ul>
    </Pane>
  );
}

export default function DemoPlantPage() {
  const { t, name, n } = useText();
  const client = useQueryClient();
  const toasts = useToasts();
  const [confirm, dialog] = useConfirm();
  const query = useQuery({ queryKey: ['plant'], queryFn: api.plant, refetchInterval: 3000, retry: false });
  const changed = () => void client.invalidateQueries({ queryKey: ['plant'] });
  const reset = (asset: string | null) => confirm({ title: t('plant.reset'), body: asset ? t('plant.reset_one', { asset }) : t('plant.reset_all'), action: t('plant.reset'), danger: true, run: async () => { await api.resetPlant({ asset }); toasts.done(t('plant.reset_done')); changed(); } });
  const off = query.error instanceof RequestFailed && query.error.status === 423;
  return (
    <>
      <PageHead title={t('page.demo_plant')} mark={<span className="chip demo">{t('header.demo')}</span>} sub={t('plant.sub')}>
        {query.data?.running && <button type="button" className="btn danger" onClick={() => reset(null)}>{t('plant.reset')}</button>}
      </PageHead>
      {off ? <section className="pane"><EmptyState icon="flask" title={t('plant.off')}>{t('plant.off_why')}</EmptyState></section> : (
        <Loaded query={query} what={t('plant.loading')} rows={6}>
          {(plant) => (
            <div className="stack">
              {!plant.running && <Notice tone="warning">{t('plant.not_running')}</Notice>}
              <PlantBehind />
              {plant.tripped.length > 0 && <Notice tone="critical">{t('plant.tripped')} {plant.tripped.map((a) => <Tag key={a} className="fact">{a}</Tag>)}</Notice>}
              <div className="grid">
                <div className="c4 stack"><Inject plant={plant} onDone={changed} /><Pane title={t('plant.facts')} flush={false}><dl className="kv"><dt>{t('plant.address')}</dt><dd><Tag wrap>{plant.endpoint_url}</Tag></dd><dt>{t('plant.clock')}</dt><dd><When at={plant.plant_time} full /></dd></dl></Pane></div>
                <div className="c8 stack">
                  <Pane title={t('plant.active')}>
                    {plant.active.length === 0 ? <p className="pb help">{t('plant.none_active')}</p> : (
                      <ul className="list">{plant.active.map((f) => <li key={`${f.asset}${f.fault}`} className="fault"><Tag className="b">{f.asset}</Tag><span className="grow">{name(plant.faults.find((x) => x.fault === f.fault)?.names) || f.fault}</span><span className="cap dim">{t('plant.since')} <When at={f.since} /></span><span className="sev"><Bar share={f.severity * 100} /></span><bdi className="q" dir="ltr">{`${n(f.severity * 100, 0)} %`}</bdi><button type="button" className="btn sm" onClick={() => reset(f.asset)}>{t('plant.clear')}</button></li>)}</ul>
                    )}
                  </Pane>
                  <Scenarios plant={plant} onDone={changed} />
                </div>
              </div>
            </div>
          )}
        </Loaded>
      )}
      {dialog}
    </>
  );
}
