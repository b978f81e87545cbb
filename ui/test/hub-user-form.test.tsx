// The form of a person asks the hub, and shows everything that is wrong with it at once, each at its field.
import { MantineProvider } from '@mantine/core';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, fireEvent, render, screen } from '@testing-library/react';
import { afterEach, beforeAll, expect, it, vi } from 'vitest';
import { RequestFailed } from '@/api/http';
import { hub } from '@/hub/api';
import { UserForm } from '@/hub/users';
import { startI18n } from '@/i18n';
import { DEFAULTS } from '@/i18n/locale';

// The console's parts draw trends, and that library asks for the screen as soon as it is read.
vi.hoisted(() => {
  vi.stubGlobal('matchMedia', () => ({ matches: false, addEventListener: () => undefined, removeEventListener: () => undefined }));
});

beforeAll(() => startI18n({ ...DEFAULTS, language: 'en' }));
afterEach(() => { cleanup(); vi.restoreAllMocks(); });

const problem = (field: string, code: string, message: string) => ({ field, code, message, params: { field } });
const form = () => screen.getByRole('dialog', { hidden: true }).querySelector('form')!;
const said = (name: string) => {
  const input = form().querySelector(`[name="${name}"]`);
  return input?.getAttribute('aria-invalid') === 'true' ? input.closest('.field')?.querySelector('.err')?.textContent?.replace(/[\u2068\u2069]/g, '') : null;
};

async function open() {
  vi.spyOn(hub, 'tenants').mockResolvedValue([{ id: 't', code: 'yanbu', names: { en: 'Yanbu', ar: 'ينبع' } }] as Awaited<ReturnType<typeof hub.tenants>>);
  const send = vi.spyOn(hub, 'createUser');
  render(<MantineProvider><QueryClientProvider client={new QueryClient()}><UserForm onClose={() => undefined} onMade={() => undefined} /></QueryClientProvider></MantineProvider>);
  await screen.findByText('Yanbu');
  // Nothing is filled in: the browser must not stop at the first field.
  expect(form().checkValidity()).toBe(true);
  return send;
}

it('says of an empty form all that it lacks', async () => {
  const send = await open();
  fireEvent.submit(form());
  await screen.findByText(/3 fields are wrong/);
  expect(['tenant', 'username', 'name', 'role'].map(said)).toEqual(['Organisation is required.', 'User name is required.', 'Name is required.', null]);
  expect(send).not.toHaveBeenCalled();
});

it('shows every problem the hub finds at its field, by the name the form gives it', async () => {
  const send = await open();
  send.mockRejectedValue(new RequestFailed(422, 'request.fields_wrong', 'Three fields are wrong.', 'r-1', [
    problem('username', 'hub.test', 'There is one already.'), problem('name', 'request.text_empty', 'name is required.'), problem('role', 'hub.test', 'Belongs elsewhere.'),
  ]));
  fireEvent.change(form().querySelector('[name="tenant"]')!, { target: { value: 't' } });
  fireEvent.submit(form());
  await screen.findByText('There is one already.');
  expect(send).toHaveBeenCalledOnce();
  expect(['tenant', 'username', 'name', 'role'].map(said)).toEqual([null, 'There is one already.', 'Name is required.', 'Belongs elsewhere.']);
});
