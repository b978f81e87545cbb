// Courier files: what is written for the hub leaves as a download.
import { send } from '@/api/http';
import { save } from './evidence-file';

export interface Written {
  number: number;
  records: number;
  left: number;
}

/** Writes the next file for the hub and saves it; `gap` asks for what the other side is missing. */
export async function writeCourierFile(from: 'due' | 'next', gap: string): Promise<Written> {
  const query = gap.trim() ? { gap: gap.trim() } : { from };
  const answer = await send('POST', '/api/sync/courier/export', { query, accept: 'application/octet-stream' });
  const name = /filename="([^"]+)"/.exec(answer.headers.get('content-disposition') ?? '')?.[1] ?? 'courier.oqb';
  const number = (header: string) => Number(answer.headers.get(header) ?? 0);
  save(name, await answer.blob());
  return { number: number('x-optria-file'), records: number('x-optria-records'), left: number('x-optria-left') };
}
