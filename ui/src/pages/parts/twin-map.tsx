// The map view of the twin: the drawn plant, and the moving of assets by those who may.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { api } from '@/api/calls';
import { useSession } from '@/api/session';
import type { Twin, TwinAsset } from '@/api/types';
import { useConfirm, useToasts } from '@/components/dialog';
import { Icon } from '@/components/icons';
import { PlantMapCanvas } from '@/components/plant-map-canvas';
import { useText } from '@/i18n/text';
import { type Place, plantMap } from '@/lib/plant-map';

interface Props {
  twin: Twin;
  shown: TwinAsset[];
  selected: string;
  past: boolean;
  onPick: (id: string) => void;
}

export function TwinMap({ twin, shown, selected, past, onPick }: Props) {
  const { t } = useText();
  const { may } = useSession();
  const client = useQueryClient();
  const toasts = useToasts();
  const [confirm, dialog] = useConfirm();
  const [moving, setMoving] = useState<Map<string, Place> | null>(null);
  const layout = useQuery({ queryKey: ['twin-layout'], queryFn: api.twinLayout });
  const places = useMemo(() => {
    const all = new Map((layout.data?.places ?? []).map((p) => [p.asset_id, { x: p.x, y: p.y }]));
    moving?.forEach((place, id) => all.set(id, place));
    return all;
  }, [layout.data, moving]);
  const map = useMemo(() => plantMap(twin, shown, places), [twin, shown, places]);
  const move = (id: string, at: Place) => {
    const corner = map.byId.get(id)?.corner;
    if (corner) setMoving((old) => new Map(old).set(id, { x: at.x - corner.x, y: at.y - corner.y }));
  };
  const keep = async (change: { places: { asset_id: string; x: number; y: number }[]; cleared: string[] }) => {
    client.setQueryData(['twin-layout'], await api.moveAssets(change));
    setMoving(null);
    toasts.done(t('toast.saved'));
  };
  const save = () => void keep({ places: [...(moving ?? [])].map(([asset_id, at]) => ({ asset_id, ...at })), cleared: [] }).catch(toasts.failed);
  const stored = layout.data?.places ?? [];
  const reset = () => confirm({ title: t('map.reset_title'), body: t('map.reset_body', { n: stored.length }), action: t('map.reset'), run: () => keep({ places: [], cleared: stored.map((p) => p.asset_id) }) });
  return (
    <section className="pane">
      {may('assets.write') && !past && (
        <div className="pt">
          {moving === null
            ? <button type="button" className="btn sm" onClick={() => setMoving(new Map())}><Icon name="edit" />{t('map.move')}</button>
            : <>
              <button type="button" className="btn sm pri" disabled={moving.size === 0} onClick={save}>{t('map.save', { n: moving.size })}</button>
              <button type="button" className="btn sm" onClick={() => setMoving(null)}>{t('action.cancel')}</button>
              {stored.length > 0 && <button type="button" className="btn sm quiet" onClick={reset}>{t('map.reset')}</button>}
            </>}
          <span className="cap">{t(moving === null ? 'map.how' : 'map.moving')}</span>
        </div>
      )}
      <PlantMapCanvas map={map} selected={selected} onPick={onPick} onMove={moving === null ? undefined : move} />
      {dialog}
    </section>
  );
}
