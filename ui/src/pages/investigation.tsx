// New investigation from files: trends and alarm journals are dropped, what they speak of is proposed, and one button
// leads to incidents with their root cause. Works in an empty tenant without any connection. The files are in the address.
import { useQueries, useQuery } from '@tanstack/react-query';
import { useEffect, useMemo, useState } from 'react';
import { api } from '@/api/calls';
import type { ImportFile } from '@/api/types';
import { useToasts } from '@/components/dialog';
import { Field } from '@/components/fields';
import { Icon } from '@/components/icons';
import { Tag, When } from '@/components/marks';
import { EmptyState, InlineError, Notice } from '@/components/notices';
import { PageHead, Pane } from '@/components/page';
import { useText } from '@/i18n/text';
import { type Draft, draftOf, planOf, zoneOf } from '@/lib/investigation';
import { useParameter } from '@/lib/url';
import { DropZone, fileSize, StateOf } from './imports';
import { ImportPanel } from './parts/import-panel';
import { ProposalPane } from './parts/investigation-proposal';
import { RunPane } from './parts/investigation-run';

const BUSY = ['scanning', 'running'];

function FileRow({ file, onOpen, onDrop }: { file: ImportFile; onOpen: () => void; onDrop: () => void }) {
  const { t, n } = useText();
  const counts = file.run.rows > 0 ? file.run : file.scan;
  return (
    <li className="inc" data-file={file.name} data-state={file.state}>
      <div className="grow">
        <Tag className="m5 tail">{file.name}</Tag>
        <div className="cap dim">
          {t(`enum.import_kind.${file.layout.kind}`)} · <bdi dir="ltr">{fileSize(n, file.size_bytes)}</bdi> · {t('investigation.rows', { n: counts.rows })} · {t('investigation.tag_count', { n: file.tags })}
          {file.first_at !== null && file.last_at !== null && <> · <When at={file.first_at} zone={file.layout.time_zone} /> – <When at={file.last_at} zone={file.layout.time_zone} /></>}
        </div>
        <div className="cap dim">{t(`enum.import_date.${file.layout.date_format}`)} · <bdi dir="ltr">{file.layout.time_zone}</bdi>{file.names_zone && <> ({t('investigation.zone_by_file')})</>}{counts.rejected > 0 && <> · <a className="warn-t" href={`/api/imports/${file.id}/rejected.csv`} download>{t('investigation.rejected_rows', { n: counts.rejected })}</a></>}</div>
        {file.error && <Notice tone="critical">{file.error.message}</Notice>}
        {file.warnings.map((w) => <Notice key={w.code + w.message} tone="warning">{w.message}</Notice>)}
      </div>
      <StateOf file={file} />
      <button type="button" className={file.state === 'needs_layout' ? 'btn sm pri' : 'btn sm'} onClick={onOpen}>{t('investigation.columns')}</button>
      <button type="button" className="btn sm quiet icon" aria-label={t('investigation.drop_file', { file: file.name })} onClick={onDrop}><Icon name="close" /></button>
    </li>
  );
}

/** One zone for all files that name none: exports of one control system are written in one. */
function Zone({ files: all, onChange }: { files: ImportFile[]; onChange: () => void }) {
  const { t } = useText();
  const toasts = useToasts();
  const files = all.filter((f) => !f.names_zone);
  const stored = files[0]?.layout.time_zone ?? '';
  const [zone, setZone] = useState(stored);
  const [error, setError] = useState<unknown>(null);
  useEffect(() => { setZone(stored); }, [stored]);
  const busy = all.some((f) => BUSY.includes(f.state));
  const differs = files.some((f) => f.layout.time_zone !== zone);
  const apply = async () => {
    setError(null);
    try {
      for (const file of files) if (file.layout.time_zone !== zone) await api.setImportLayout(file.id, { ...file.layout, time_zone: zone });
      toasts.done(t('toast.saved'));
    } catch (e) {
      setError(e);
    }
    onChange();
  };
  if (files.length === 0) return null;
  return (
    <div className="row wrap base">
      <Field label={t('investigation.zone')} help={t('investigation.zone_help')}>{(p) => <><input {...p} className="in mono" dir="ltr" name="zone" list="investigation-zones" value={zone} onChange={(event) => setZone(event.target.value)} /><datalist id="investigation-zones">{['UTC', ...Intl.supportedValuesOf('timeZone')].map((z) => <option key={z} value={z} />)}</datalist></>}</Field>
      {differs && <button type="button" className="btn" disabled={busy} onClick={() => void apply()}>{t('investigation.zone_apply')}</button>}
      <InlineError error={error} />
    </div>
  );
}

export default function InvestigationPage() {
  const { t, p } = useText();
  const [named, setNamed] = useParameter('files');
  const [open, setOpen] = useState<string | null>(null);
  const ids = useMemo(() => named.split(',').filter(Boolean), [named]);
  const queries = useQueries({ queries: ids.map((id) => ({ queryKey: ['import', id, p.language], queryFn: () => api.import(id), refetchInterval: (q: { state: { data?: ImportFile } }) => (q.state.data && BUSY.includes(q.state.data.state) ? 700 : (false as const)) })) });
  const files = queries.flatMap((q) => (q.data ? [q.data] : []));
  const missing = queries.find((q) => q.isError);
  const reread = () => queries.forEach((q) => void q.refetch());
  const looked = files.length > 0 && files.length === ids.length && files.every((f) => !BUSY.includes(f.state) && f.state !== 'needs_layout');
  // What was looked through may be proposed; another layout may bring other tags.
  const layouts = files.map((f) => `${f.id} ${f.tags} ${JSON.stringify(f.layout.columns)}`).join();
  const proposal = useQuery({ queryKey: ['investigation', layouts, p.language], enabled: looked, staleTime: Infinity, queryFn: () => api.proposeInvestigation(ids) });
  const [draft, setDraft] = useState<Draft | null>(null);
  useEffect(() => { setDraft(proposal.data ? draftOf(proposal.data) : null); }, [proposal.data]);
  const [source, setSource] = useState<string | null>(null);
  const openSource = async () => {
    if (source) return source;
    const found = files[0]?.integration_id ?? (await api.investigationSource()).integration_id;
    setSource(found);
    return found;
  };
  const add = (file: ImportFile) => {
    // Several come one after the other: the address says which are there already.
    const now = new URLSearchParams(window.location.search).get('files')?.split(',').filter(Boolean) ?? [];
    if (!now.includes(file.id)) setNamed([...now, file.id].join(','));
  };
  const plan = draft && proposal.data ? planOf(draft, proposal.data.integration_id, zoneOf(files)) : null;
  return (
    <>
      <PageHead crumb={{ to: '/blackbox', text: t('page.blackbox') }} title={t('page.investigation')} sub={t('investigation.sub')} />
      <div className="stack">
        <Pane title={t('investigation.files')} caption={t('investigation.files_what')}>
          <div className="pb col">
            <DropZone source={openSource} onDone={add} />
            {missing && <InlineError error={missing.error} />}
            {files.length > 0 && <Zone files={files} onChange={reread} />}
          </div>
          {files.length === 0 && !missing && <EmptyState icon="upload" title={t('investigation.none')}>{t('investigation.none_help')}</EmptyState>}
          {files.length > 0 && <ul className="list" data-list="files">{files.map((file) => <FileRow key={file.id} file={file} onOpen={() => setOpen(file.id)} onDrop={() => setNamed(ids.filter((id) => id !== file.id).join(',') || null)} />)}</ul>}
        </Pane>
        {proposal.isError && <InlineError error={proposal.error} />}
        {draft && proposal.data && <ProposalPane draft={draft} mapped={proposal.data.mapped} cut={proposal.data.is_cut} change={setDraft} />}
        {files.length > 0 && <RunPane files={files} plan={plan} ready={looked} />}
      </div>
      {open && <ImportPanel id={open} onClose={() => setOpen(null)} onChange={reread} />}
    </>
  );
}
