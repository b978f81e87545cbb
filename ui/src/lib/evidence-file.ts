// The evidence file of an incident, fetched rather than linked to: a refusal is a sentence, and the answer's headers
// say what is in it and what is not.
import { send } from '@/api/http';

export interface LeftOut {
  what: string;
  why: string;
  count: number;
}

export interface EvidenceExport {
  name: string;
  blob: Blob;
  records: number;
  windows: number;
  leftOut: LeftOut[];
}

/** "what:why:count", with commas between. */
export function leftOutOf(header: string | null): LeftOut[] {
  return (header ?? '').split(',').flatMap((part) => {
    const [what, why, count] = part.split(':');
    return what && why && count ? [{ what, why, count: Number(count) }] : [];
  });
}

export async function exportEvidence(incident: string): Promise<EvidenceExport> {
  const answer = await send('GET', `/api/blackbox/incidents/${encodeURIComponent(incident)}/evidence.oqe`, { accept: 'application/octet-stream' });
  const name = /filename="([^"]+)"/.exec(answer.headers.get('content-disposition') ?? '')?.[1] ?? 'incident.oqe';
  const number = (header: string) => Number(answer.headers.get(header) ?? 0);
  return { name, blob: await answer.blob(), records: number('x-optria-records'), windows: number('x-optria-windows'), leftOut: leftOutOf(answer.headers.get('x-optria-left-out')) };
}

export type ReportLanguage = 'both' | 'ar' | 'en';

/** The incident on paper, and its pages. */
export async function makeReport(incident: string, language: ReportLanguage): Promise<{ name: string; blob: Blob; pages: number }> {
  const answer = await send('GET', `/api/blackbox/incidents/${encodeURIComponent(incident)}/report.pdf?lang=${language}`, { accept: 'application/pdf' });
  const name = /filename="([^"]+)"/.exec(answer.headers.get('content-disposition') ?? '')?.[1] ?? 'incident.pdf';
  return { name, blob: await answer.blob(), pages: Number(answer.headers.get('x-optria-pages') ?? 0) };
}

export function save(name: string, blob: Blob): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  // The download has begun by then.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
