// Import of files: trends and alarm journals that a DCS or a historian exported. Drop, check what was found out, import.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { type DragEvent, useRef, useState } from 'react';
import { api } from '@/api/calls';
import { useRefresh } from '@/api/live';
import { useSession } from '@/api/session';
import type { ImportFile, ImportState, Integration } from '@/api/types';
import { useToasts } from '@/components/dialog';
import { Select } from '@/components/fields';
import { Icon } from '@/components/icons';
import { AppLink } from '@/components/link';
import { Tag, When } from '@/components/marks';
import { EmptyState, InlineError, Notice } from '@/components/notices';
import { Loaded, PageHead } from '@/components/page';
import { type Column, DataTable, useOffset } from '@/components/table';
import { useText } from '@/i18n/text';
import { useParameter } from '@/lib/url';
import { ImportPanel } from './parts/import-panel';

/** States in which the server is at work: the page looks more often. */
/** Files of one page of the server. */
const LIMIT = 500;
const BUSY: ImportState[] = ['scanning', 'running'];

export function fileSize(n: (value: number, decimals?: number) => string, bytes: number): string {
  if (bytes < 1000) return `${n(bytes, 0)} B`;
  const power = Math.min(3, Math.floor(Math.log10(bytes) / 3));
  return `${n(bytes / 1000 ** power, 1)} ${['B', 'kB', 'MB', 'GB'][power]}`;
}

/** Takes files in; the source they belong to is asked for when the first one comes. */
export function DropZone({ source, onDone }: { source: () => Promise<string>; onDone: (file: ImportFile) => void }) {
  const { t, n } = useText();
  const toasts = useToasts();
  const input = useRef<HTMLInputElement>(null);
  const [over, setOver] = useState(false);
  const [sending, setSending] = useState<{ name: string; share: number } | null>(null);
  const [error, setError] = useState<unknown>(null);
  const send = async (files: FileList | null) => {
    setError(null);
    for (const file of files ?? []) {
      setSending({ name: file.name, share: 0 });
      try {
        const done = await api.uploadImport(await source(), file, (share) => setSending({ name: file.name, share }));
        toasts.done(t('imports.uploaded', { name: file.name }));
        onDone(done);
      } catch (e) {
        setError(e);
      }
    }
    setSending(null);
    if (input.current) input.current.value = '';
  };
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    void send(event.dataTransfer.files);
  };
  return (
    <div className="stack">
      <div className={over ? 'drop over' : 'drop'} onDragOver={(event) => { event.preventDefault(); setOver(true); }} onDragLeave={() => setOver(false)} onDrop={drop}>
        <Icon name="upload" />
        <div className="grow">
          <b>{t('imports.drop')}</b>
          <div className="help">{t('imports.drop_help')}</div>
        </div>
        <label className="btn pri file-pick">
          {t('imports.choose')}
          <input ref={input} className="sr" type="file" accept=".csv,.txt,.tsv,.xlsx" multiple disabled={sending !== null} onChange={(event) => void send(event.target.files)} />
        </label>
      </div>
      {sending && (
        <div className="row" role="status">
          <Tag>{sending.name}</Tag>
          <progress className="grow" max={1} value={sending.share} aria-label={t('imports.uploading', { name: sending.name })} />
          <bdi className="num-s" dir="ltr">{`${n(sending.share * 100, 0)} %`}</bdi>
        </div>
      )}
      <InlineError error={error} />
    </div>
  );
}

export function StateOf({ file }: { file: ImportFile }) {
  const { t, n } = useText();
  const counts = file.state === 'scanning' ? file.scan : file.run;
  const share = file.size_bytes > 0 && counts.bytes > 0 ? counts.bytes / file.size_bytes : null;
  if (BUSY.includes(file.state)) {
    return (
      <span className="col g1">
        <span>{t(`enum.import_state.${file.state}`)} {share !== null && <bdi dir="ltr">{`${n(share * 100, 0)} %`}</bdi>}</span>
        <progress max={1} value={share ?? undefined} aria-label={t(`enum.import_state.${file.state}`)} />
      </span>
    );
  }
  return <span className={file.state === 'failed' ? 'crit-t' : file.state === 'needs_layout' ? 'warn-t' : ''}>{t(`enum.import_state.${file.state}`)}</span>;
}

function Sources({ sources, chosen, onChoose }: { sources: Integration[]; chosen: string; onChoose: (id: string) => void }) {
  const { t } = useText();
  if (sources.length < 2) return null;
  return <Select label={t('imports.source')} value={chosen} onChange={onChoose} options={sources.map((s) => ({ value: s.id, label: s.name }))} />;
}

function NoSource() {
  const { t } = useText();
  const writes = useSession().may('integrations.write');
  const client = useQueryClient();
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const create = async () => {
    setBusy(true);
    try {
      await api.createIntegration({ kind: 'file', name: t('imports.source_name'), config: {}, is_enabled: false });
      await client.invalidateQueries({ queryKey: ['integrations'] });
    } catch (e) {
      setError(e);
      setBusy(false);
    }
  };
  return (
    <section className="pane">
      <EmptyState icon="upload" title={t('imports.no_source')} action={writes && <button type="button" className="btn pri" disabled={busy} onClick={() => void create()}>{t('imports.create_source')}</button>}>
        {t(writes ? 'imports.no_source_help' : 'imports.no_source_ask')}
      </EmptyState>
      <InlineError error={error} />
    </section>
  );
}

function Files({ sources }: { sources: Integration[] }) {
  const { t, n, p } = useText();
  const client = useQueryClient();
  const [wanted, setWanted] = useParameter('source');
  const [open, setOpen] = useParameter('file');
  const source = sources.find((s) => s.id === wanted) ?? sources[0]!;
  const refresh = useRefresh(null);
  const offset = useOffset('imports', LIMIT);
  const query = useQuery({
    queryKey: ['imports', source.id, offset, p.language],
    queryFn: () => api.imports({ integration_id: source.id, limit: LIMIT, offset }),
    refetchInterval: (q) => (q.state.data?.items.some((f) => BUSY.includes(f.state)) ? 1000 : refresh),
  });
  const reread = () => client.invalidateQueries({ queryKey: ['imports'] });
  const columns: Column<ImportFile>[] = [
    { key: 'name', title: t('imports.file'), sort: (f) => f.name, csv: (f) => f.name, cell: (f) => <span className="two"><button type="button" className="btn quiet sm" onClick={() => setOpen(f.id)}><Tag className="tail">{f.name}</Tag></button><small><bdi dir="ltr">{fileSize(n, f.size_bytes)}</bdi> · {t(`enum.import_kind.${f.layout.kind}`)}</small></span> },
    { key: 'state', title: t('field.status'), csv: (f) => f.state, cell: (f) => <StateOf file={f} /> },
    { key: 'rows', title: t('imports.rows'), end: true, sort: (f) => f.scan.rows, csv: (f) => f.scan.rows, cell: (f) => n(Math.max(f.scan.rows, f.run.rows), 0) },
    { key: 'tags', title: t('imports.tags_mapped'), end: true, csv: (f) => `${f.mapped_tags}/${f.tags}`, cell: (f) => <bdi dir="ltr">{`${n(f.mapped_tags, 0)} / ${n(f.tags, 0)}`}</bdi> },
    { key: 'stored', title: t('imports.stored'), end: true, sort: (f) => f.run.samples + f.run.events, csv: (f) => f.run.samples + f.run.events, cell: (f) => n(f.run.samples + f.run.events, 0) },
    { key: 'rejected', title: t('imports.rejected'), end: true, sort: (f) => f.scan.rejected, csv: (f) => f.scan.rejected, cell: (f) => <span className={f.scan.rejected > 0 ? 'warn-t' : ''}>{n(Math.max(f.scan.rejected, f.run.rejected), 0)}</span> },
    { key: 'created_at', title: t('imports.uploaded_at'), sort: (f) => f.created_at, csv: (f) => new Date(f.created_at).toISOString(), cell: (f) => <span className="two"><When at={f.created_at} /><small><bdi>{f.created_by}</bdi></small></span>, wideOnly: true },
  ];
  return (
    <>
      <section className="pane"><div className="pb stack">
        <Sources sources={sources} chosen={source.id} onChoose={setWanted} />
        <DropZone source={() => Promise.resolve(source.id)} onDone={(file) => { void reread(); setOpen(file.id); }} />
      </div></section>
      <section className="pane">
        <Loaded query={query} what={t('imports.loading')}>
          {({ items: files, total }) => <DataTable id="imports" server={total > LIMIT ? { total, offset, limit: LIMIT } : undefined} label={t('page.imports')} columns={columns} rows={files} rowKey={(f) => f.id} selected={open} csvName="imports" all={(part) => api.imports({ integration_id: source.id, ...part })} empty={<EmptyState icon="doc" title={t('imports.empty')}>{t('imports.empty_help')}</EmptyState>} />}
        </Loaded>
      </section>
      {open && <ImportPanel id={open} onClose={() => setOpen(null)} onChange={() => void reread()} />}
    </>
  );
}

export default function ImportsPage() {
  const { t } = useText();
  const query = useQuery({ queryKey: ['integrations'], queryFn: api.integrations });
  return (
    <>
      <PageHead title={t('page.imports')} sub={t('imports.sub')}><AppLink className="btn" to="/integrations">{t('page.integrations')}</AppLink></PageHead>
      <Loaded query={query} what={t('imports.loading')}>
        {(all) => {
          const sources = all.filter((i) => i.kind === 'file');
          return sources.length === 0 ? <NoSource /> : <div className="stack"><Files sources={sources} /><Notice>{t('imports.idempotent')}</Notice></div>;
        }}
      </Loaded>
    </>
  );
}
