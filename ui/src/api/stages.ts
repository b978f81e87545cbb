// Runs a connection test and reports its stages while they happen.
import { send } from './http';
import type { IntegrationInput, TestReport, TestStage } from './types';

export interface ServerEvent {
  event: string;
  data: string;
}

/** Splits a growing text/event-stream into events; keeps an unfinished rest. */
export class EventReader {
  private rest = '';

  push(chunk: string): ServerEvent[] {
    this.rest += chunk.replace(/\r\n/g, '\n');
    const blocks = this.rest.split('\n\n');
    this.rest = blocks.pop() ?? '';
    return blocks.map(readBlock).filter((e): e is ServerEvent => e !== null);
  }
}

function readBlock(block: string): ServerEvent | null {
  let event = 'message';
  const data: string[] = [];
  for (const line of block.split('\n')) {
    if (line.startsWith('event:')) event = line.slice(6).trim();
    else if (line.startsWith('data:')) data.push(line.slice(5).replace(/^ /, ''));
  }
  return data.length > 0 ? { event, data: data.join('\n') } : null;
}

export async function runTest(
  target: { id: string } | { input: IntegrationInput },
  onStage: (stage: TestStage) => void,
  signal?: AbortSignal,
): Promise<TestReport> {
  const response =
    'id' in target
      ? await send('POST', `/api/integrations/${target.id}/test`, { accept: 'text/event-stream', body: {}, signal })
      : await send('POST', '/api/integrations/test', { accept: 'text/event-stream', body: target.input, signal });
  if (!response.headers.get('content-type')?.includes('text/event-stream')) return (await response.json()) as TestReport;
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  const events = new EventReader();
  let report: TestReport | null = null;
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    for (const { event, data } of events.push(value)) {
      if (event === 'stage') onStage(JSON.parse(data) as TestStage);
      if (event === 'done') report = JSON.parse(data) as TestReport;
    }
  }
  if (!report) throw new Error('the test ended without a result');
  return report;
}
