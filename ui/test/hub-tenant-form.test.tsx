// The form of an organisation asks the hub, and shows everything that is wrong with it at once, each at its field.
import { MantineProvider } from '@mantine/core';
import { cleanup, fireEvent, render, screen } from '@testing-library/react';
import { afterEach, beforeAll, expect, it, vi } from 'vitest';
import { RequestFailed } from '@/api/http';
import { hub } from '@/hub/api';
import { TenantForm } from '@/hub/tenants';
import { startI18n } from '@/i18n';
import { DEFAULTS } from '@/i18n/locale';

beforeAll(async () => {
  vi.stubGlobal('matchMedia', () => ({ matches: false, addEventListener: () => undefined, removeEventListener: () => undefined }));
  await startI18n({ ...DEFAULTS, language: 'en' });
});
afterEach(() => { cleanup(); vi.restoreAllMocks(); });

const problem = (field: string, message: string) => ({ field, code: 'test', message, params: {} });

it('shows every problem at its field', async () => {
  const fields = [problem('code', 'No such code.'), problem('names.ar', 'Too long here.'), problem('names.en', 'Hidden there.')];
  const send = vi.spyOn(hub, 'createTenant').mockRejectedValue(new RequestFailed(422, 'request.fields_wrong', 'Three fields are wrong.', 'r-1', fields));
  render(<MantineProvider><TenantForm tenant={null} onClose={() => undefined} onSaved={() => undefined} /></MantineProvider>);
  // Nothing is filled in: the browser must not stop at the first field.
  const form = screen.getByRole('dialog', { hidden: true }).querySelector('form');
  expect(form?.checkValidity()).toBe(true);
  fireEvent.submit(form!);
  await screen.findByText('No such code.');
  expect(send).toHaveBeenCalledOnce();
  for (const [name, words] of [['code', 'No such code.'], ['ar', 'Too long here.'], ['en', 'Hidden there.']]) {
    const input = form!.querySelector(`[name="${name}"]`);
    expect(input?.getAttribute('aria-invalid')).toBe('true');
    expect(input?.closest('.field')?.textContent).toContain(words);
  }
});
