// Status, connectivity, tags, values: the small words every page is made of.
import { Popover } from '@mantine/core';
import { type ReactNode } from 'react';
import type { AssetStatus, Connectivity as Link, Severity } from '@/api/types';
import { useText } from '@/i18n/text';
import { iso, unitLabel, utc } from '@/lib/format';
import { Icon, type IconName, type Shape, StatusShape } from './icons';
import { stateWord } from './metrics';

export function StatusMark({ status, bare = false }: { status: AssetStatus; bare?: boolean }) {
  const { word } = useText();
  return (
    <span className={`st ${status}`}>
      <StatusShape shape={status} />
      <span className={bare ? 'sr' : undefined}>{word('status', status)}</span>
    </span>
  );
}

export const severityShape = (severity: Severity): Shape => (severity === 'info' ? 'normal' : severity);

export function SeverityMark({ severity, bare = false }: { severity: Severity; bare?: boolean }) {
  const { word } = useText();
  const shape = severityShape(severity);
  return (
    <span className={`st ${shape}`}>
      <StatusShape shape={shape} />
      <span className={bare ? 'sr' : undefined}>{word('severity', severity)}</span>
    </span>
  );
}

const LINKS: Record<Link, { icon: IconName; tone: string }> = {
  live: { icon: 'pulse', tone: 'mid' },
  stale: { icon: 'clock', tone: 'warn-t' },
  disconnected: { icon: 'broken', tone: 'crit-t' },
  demo: { icon: 'flask', tone: 'mid' },
  imported: { icon: 'doc', tone: 'mid' },
  none: { icon: 'dash', tone: 'dim' },
};

/** Connectivity in shape and word; with its age whenever it is not live. Where no value is expected any
 *  more, the moment of the last one says more than its age. */
export function Connectivity({ link, ageMs, lastAt = null }: { link: Link; ageMs?: number | null; lastAt?: number | null }) {
  const { t, word, span } = useText();
  const { icon, tone } = LINKS[link];
  const aged = ageMs !== null && ageMs !== undefined && link !== 'none';
  return (
    <span className={`st ${tone}`}>
      <Icon name={icon} />
      <span>{word('connectivity', link)}</span>
      {link === 'imported' && lastAt !== null
        ? <span>· {t('twin.last_sample')} <When at={lastAt} /></span>
        : aged && <bdi className="nw" title={link === 'imported' ? t('twin.last_sample') : undefined}>{span(Math.max(1000, ageMs))}</bdi>}
    </span>
  );
}

/** A tag, code, address or anything Latin that must not be reordered inside Arabic. */
export function Tag({ children, wrap = false, className = '' }: { children: ReactNode; wrap?: boolean; className?: string }) {
  return (
    <bdi className={`tag ${wrap ? 'wrap' : ''} ${className}`} dir="ltr">
      {children}
    </bdi>
  );
}

/** From what stands before it to what stands after it, whichever way the page reads. */
export function Toward() {
  return <span className="toward flip" aria-hidden="true">{'→'}</span>;
}

/** The part of an OPC UA node id that a person knows; other tags stay whole. */
export function shortTag(tag: string): string {
  return /^nsu?=[^;]+;[sigb]=(.+)$/.exec(tag)?.[1] ?? tag;
}

/** A source's tag in a narrow place: its own part, the whole one in the tooltip. */
export function SourceTag({ tag, className = '' }: { tag: string; className?: string }) {
  return <span className={`tag keep-end ${className}`} title={tag}><bdi dir="ltr">{shortTag(tag)}</bdi></span>;
}

/** A measured value with its unit in one left-to-right isolate; no value is a dash, never zero. A state is
 *  its word. */
export function Quantity({ value, text, unit, metric, decimals, className = '' }: { value?: number | null; text?: string | null; unit?: string | null; metric?: string | null; decimals?: number; className?: string }) {
  const { n } = useText();
  const word = text || stateWord(metric, value);
  if (word) return <bdi className={`q ${className}`}>{word}</bdi>;
  if (value === null || value === undefined) return <span className="dim" aria-hidden="true">{'—'}</span>;
  return (
    <bdi className={`q ${className}`} dir="ltr">
      {n(value, decimals)}
      {unit && unitLabel(unit) ? <span className="u">{unitLabel(unit)}</span> : null}
    </bdi>
  );
}

/** A moment: short on screen, whole in the tooltip; in the person's zone, or whole in the one named. */
export function When({ at, ms = false, full = false, zone }: { at: number | null | undefined; ms?: boolean; full?: boolean; zone?: string }) {
  const { moment, t } = useText();
  if (at === null || at === undefined) return <span className="dim">{t('common.never')}</span>;
  if (full || ms || zone) return <time className="t" dir="ltr" dateTime={utc(at)}>{iso(at, ms, zone)}</time>;
  return <time className="t words" dateTime={utc(at)} title={iso(at)}>{moment(at)}</time>;
}

export function Since({ at, now }: { at: number; now: number }) {
  const { span, t } = useText();
  return <span className="nw" title={iso(at)}>{t('common.ago', { span: span(now - at) })}</span>;
}

/** A value computed by a model. Pressing it shows what stands behind it. */
export function Derived({ label, children, facts }: { label: string; children: ReactNode; facts: ReactNode }) {
  return (
    <Popover width={320} position="bottom-start" withArrow shadow="md" withinPortal>
      <Popover.Target>
        <button type="button" className="derived" aria-label={label} onClick={(event) => event.stopPropagation()}>
          {children}
        </button>
      </Popover.Target>
      <Popover.Dropdown>{facts}</Popover.Dropdown>
    </Popover>
  );
}
