// The keys of the player, its speed, loop and follow, and the dialog that names the keyboard.
import { useState } from 'react';
import { Dialog } from '@/components/dialog';
import { Icon } from '@/components/icons';
import { Tag } from '@/components/marks';
import { useText } from '@/i18n/text';
import { clock } from '@/lib/format';
import { type Player, type Speed, SPEEDS, usePlayer, usePosition } from '@/lib/player';

/** Physical keys, so that they are the same on an Arabic keyboard; what each does stands in `keys.*`. */
export const KEYS: { keys: string[]; what: string }[] = [
  { keys: ['Space'], what: 'keys.play' },
  { keys: ['←', '→'], what: 'keys.step' },
  { keys: ['Shift ←', 'Shift →'], what: 'keys.critical' },
  { keys: ['Home', 'End'], what: 'keys.ends' },
  { keys: ['+', '−'], what: 'keys.speed' },
  { keys: ['L'], what: 'keys.loop' },
  { keys: ['F'], what: 'keys.follow' },
  { keys: ['Z', 'X', '0'], what: 'keys.zoom' },
  { keys: ['?'], what: 'keys.help' },
];

export function KeysDialog({ onClose }: { onClose: () => void }) {
  const { t } = useText();
  return (
    <Dialog title={t('keys.title')} onClose={onClose}>
      <p className="help">{t('keys.where')}</p>
      <dl className="kv keys-list">
        {KEYS.map(({ keys, what }) => [<dt key={what}>{keys.map((key) => <bdi key={key} className="kbd" dir="ltr">{key}</bdi>)}</dt>, <dd key={`${what}.does`}>{t(what)}</dd>])}
      </dl>
    </Dialog>
  );
}

function Clock({ player }: { player: Player }) {
  const { p, t } = useText();
  const at = usePosition(player, 100);
  return <span className="past-t b now-at">{at === null ? <span className="cap dim">{t('play.not_started')}</span> : <bdi className="t" dir="ltr">{clock(p, at, true)}</bdi>}</span>;
}

interface Props {
  player: Player;
  follow: boolean;
  onFollow: (follow: boolean) => void;
  onJump: (way: 1 | -1, critical: boolean) => void;
  moreCritical: boolean;
  zoom: { in: () => void; out: () => void; whole: () => void; zoomed: boolean };
}

export function PlayerBar({ player: given, follow, onFollow, onJump, moreCritical, zoom }: Props) {
  const { t } = useText();
  const player = usePlayer(given);
  const [help, setHelp] = useState(false);
  return (
    <div className="pt player">
      <span className="row g1 ltr">
        <button type="button" className="btn sm icon" aria-label={t('play.previous')} onClick={() => onJump(-1, false)}><Icon name="stepBack" /></button>
        <button type="button" className="btn sm icon pri" aria-label={t(player.playing ? 'time.pause' : 'time.play')} onClick={() => player.toggle()}><Icon name={player.playing ? 'pause' : 'play'} /></button>
        <button type="button" className="btn sm icon" aria-label={t('play.next')} onClick={() => onJump(1, false)}><Icon name="stepOn" /></button>
        <button type="button" className="btn sm icon" aria-label={t('play.next_critical')} disabled={!moreCritical} onClick={() => onJump(1, true)}><Icon name="jump" /></button>
        <button type="button" className="btn sm icon" aria-label={t('play.loop')} aria-pressed={player.loop} onClick={() => player.setLoop(!player.loop)}><Icon name="refresh" /></button>
      </span>
      <span className="speed" dir="ltr"><select className="in mono auto" aria-label={t('play.speed')} value={player.speed} onChange={(event) => player.setSpeed(Number(event.target.value) as Speed)}>{SPEEDS.map((s) => <option key={s} value={s}>{`${s}×`}</option>)}</select></span>
      <Clock player={player} />
      <span className="row g1 end">
        <button type="button" className="btn sm" aria-pressed={follow} onClick={() => onFollow(!follow)}>{t('play.follow')}</button>
        <span className="row g1 ltr">
          <button type="button" className="btn sm icon" aria-label={t('play.zoom_out')} disabled={!zoom.zoomed} onClick={zoom.out}><Tag>{'−'}</Tag></button>
          <button type="button" className="btn sm icon" aria-label={t('play.zoom_in')} onClick={zoom.in}><Tag>{'+'}</Tag></button>
        </span>
        {zoom.zoomed && <button type="button" className="btn sm" onClick={zoom.whole}>{t('play.whole')}</button>}
        <button type="button" className="btn sm icon" aria-label={t('keys.title')} aria-haspopup="dialog" onClick={() => setHelp(true)}><Tag>{'?'}</Tag></button>
      </span>
      {help && <KeysDialog onClose={() => setHelp(false)} />}
    </div>
  );
}
