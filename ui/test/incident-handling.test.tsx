// Two people at one incident: a change says what it starts from, and who was not first is told.
import { MantineProvider } from '@mantine/core';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react';
import { afterEach, beforeAll, expect, it, vi } from 'vitest';
import { SessionContext, type SessionState } from '@/api/session';
import type { IncidentDetail } from '@/api/types';
import { startI18n } from '@/i18n';
import { DEFAULTS } from '@/i18n/locale';
import { IncidentHandling } from '@/pages/parts/incident-handling';

const detail = (assignee: string | null) => ({ incident: { id: 'i1', number: 'INC-2026-0007', status: 'open', assignee }, assignable: ['huda', 'omar'] }) as unknown as IncidentDetail;
const answer = (status: number, body: unknown) => new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json' } });

beforeAll(async () => {
  vi.stubGlobal('matchMedia', () => ({ matches: false, addEventListener: () => undefined, removeEventListener: () => undefined, addListener: () => undefined, removeListener: () => undefined }));
  await startI18n({ ...DEFAULTS, language: 'en' });
});
afterEach(cleanup);

it('tells who was not first, saves nothing, and leads to what stands there now', async () => {
  const sent: unknown[] = [];
  vi.stubGlobal('fetch', vi.fn((_path: string, init?: RequestInit) => {
    sent.push(JSON.parse(String(init?.body)));
    return Promise.resolve(answer(409, { code: 'incidents.changed_meanwhile', params: { number: 'INC-2026-0007' }, message: '', request_id: 'r' }));
  }));
  const client = new QueryClient();
  const asked = vi.spyOn(client, 'invalidateQueries');
  const session = { session: null, may: () => true } as unknown as SessionState;
  render(<MantineProvider><QueryClientProvider client={client}><SessionContext.Provider value={session}><IncidentHandling detail={detail(null)} /></SessionContext.Provider></QueryClientProvider></MantineProvider>);
  const people = screen.getByLabelText('Assigned to');
  fireEvent.change(people, { target: { value: 'omar' } });
  const notice = await screen.findByRole('alert');
  expect(sent).toEqual([{ assignee: 'omar', base: { status: 'open', assignee: null } }]);
  expect(notice.textContent).toContain('INC-2026-0007');
  expect((people as HTMLSelectElement).value).toBe('');
  expect(asked).not.toHaveBeenCalled();
  fireEvent.click(screen.getByRole('button', { name: 'Load it again' }));
  expect(asked).toHaveBeenCalledWith({ queryKey: ['incident', 'i1'] });
  await waitFor(() => expect(screen.queryByRole('alert')).toBeNull());
});
