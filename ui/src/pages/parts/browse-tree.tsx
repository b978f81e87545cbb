// The source's own tree, left to right, opened and searched page by page; 100,000 nodes are never loaded at once.
import { useDebouncedValue } from '@mantine/hooks';
import { useInfiniteQuery } from '@tanstack/react-query';
import { type KeyboardEvent, useState } from 'react';
import { api } from '@/api/calls';
import type { BrowseItem, Integration } from '@/api/types';
import { SearchInput } from '@/components/fields';
import { Icon } from '@/components/icons';
import { Tag } from '@/components/marks';
import { ErrorState, LoadingState } from '@/components/notices';
import { Pane } from '@/components/page';
import { useText } from '@/i18n/text';
import { unitLabel } from '@/lib/format';

interface Common {
  integration: Integration;
  picked: Map<string, BrowseItem>;
  onToggle?: (item: BrowseItem) => void;
  onMap?: (item: BrowseItem) => void;
}

function useLevel(integration: string, parent: string | null, q: string) {
  return useInfiniteQuery({
    queryKey: ['browse', integration, parent, q],
    queryFn: ({ pageParam, signal }) => api.browse(integration, { parent, q, cursor: pageParam, limit: 100 }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next_cursor,
    staleTime: 60_000,
  });
}

/** Up and down move through what is open; right opens, left closes, as the tree is drawn left to right. */
function moveFocus(event: KeyboardEvent<HTMLElement>): void {
  if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
  const all = [...event.currentTarget.closest('[role="tree"]')!.querySelectorAll<HTMLElement>('[role="treeitem"] > .node')];
  const next = all[all.indexOf(event.currentTarget) + (event.key === 'ArrowDown' ? 1 : -1)];
  next?.focus();
  event.preventDefault();
}

function Node({ item, depth, first, ...common }: Common & { item: BrowseItem; depth: number; first: boolean }) {
  const { t } = useText();
  const [open, setOpen] = useState(false);
  const picked = common.picked.has(item.id);
  const onKey = (event: KeyboardEvent<HTMLElement>) => {
    if (event.key === 'ArrowRight' && item.has_children) setOpen(true);
    else if (event.key === 'ArrowLeft') setOpen(false);
    else if (event.key === ' ' && item.is_variable) common.onToggle?.(item);
    else if (event.key === 'Enter') { if (item.has_children) setOpen(!open); else common.onMap?.(item); }
    else return moveFocus(event);
    event.preventDefault();
  };
  return (
    <li role="treeitem" aria-expanded={item.has_children ? open : undefined} aria-selected={item.is_variable ? picked : undefined} aria-level={depth}>
      <div className={`node ${picked ? 'sel' : ''}`} tabIndex={first ? 0 : -1} style={{ paddingInlineStart: 8 + (depth - 1) * 14 }} onKeyDown={onKey}
        onClick={() => (item.has_children ? setOpen(!open) : common.onToggle?.(item))} onDoubleClick={() => item.is_variable && common.onMap?.(item)}>
        {item.has_children ? <Icon name={open ? 'down' : 'forward'} /> : <i className={item.is_variable ? `box ${picked ? 'on' : ''}` : 'nobox'} aria-hidden="true" />}
        {item.path && depth === 1
          ? <span className="grow path-end" title={`${item.path}\n${item.id}`}><bdi dir="ltr">{pathTail(item.path)}</bdi></span>
          : <span className="grow ell" title={item.id}>{item.display}</span>}
        {item.mapped_to && <span className="chip act" title={t('browse.mapped_to', { to: item.mapped_to })}>{t('browse.mapped')}</span>}
        {item.is_variable && <span className="cap dim">{unitLabel(item.unit ?? '') || (item.data_type ?? '')}</span>}
      </div>
      {open && <Level parent={item.id} q="" depth={depth + 1} {...common} />}
    </li>
  );
}

/** The end of a path tells two results apart; its beginning is the same for all. */
export function pathTail(path: string): string {
  const tail = /[^/\\|]+[/\\|][^/\\|]+$/.exec(path)?.[0] ?? path;
  return tail.length < path.length ? `…/${tail}` : path;
}

function Level({ parent, q, depth, ...common }: Common & { parent: string | null; q: string; depth: number }) {
  const { t } = useText();
  const level = useLevel(common.integration.id, parent, q);
  if (level.isError && !level.data) return depth === 1 ? <ErrorState error={level.error} retry={() => void level.refetch()} /> : <p className="help pb">{t('browse.failed')}</p>;
  if (!level.data) return depth === 1 ? <LoadingState what={t('browse.loading')} rows={4} /> : <p className="help pb">{t('browse.loading')}</p>;
  const items = level.data.pages.flatMap((page) => page.items);
  const list = items.map((item, i) => <Node key={`${item.id}${item.path}`} item={item} depth={depth} first={depth === 1 && i === 0} {...common} />);
  return (
    <>
      {items.length === 0 && <p className="help pb" dir="auto">{t(q ? 'browse.none_found' : 'browse.nothing')}</p>}
      {items.length > 0 && <ul role={depth === 1 ? 'tree' : 'group'} aria-label={depth === 1 ? t('browse.tree') : undefined} aria-multiselectable={depth === 1 ? true : undefined}>{list}</ul>}
      {level.hasNextPage && <button type="button" className="btn quiet sm" disabled={level.isFetchingNextPage} onClick={() => void level.fetchNextPage()}>{t('browse.more')}</button>}
    </>
  );
}

export function BrowseTree(common: Common) {
  const { t } = useText();
  const [text, setText] = useState('');
  const [q] = useDebouncedValue(text.trim(), 300);
  return (
    <Pane title={t('browse.title')} caption={<Tag>{common.integration.name}</Tag>} foot={common.onToggle && t('browse.how')}>
      <div className="pb"><SearchInput label={t('browse.search')} value={text} onChange={setText} /></div>
      <div className="tree ltr"><Level key={q} parent={null} q={q} depth={1} {...common} /></div>
    </Pane>
  );
}
