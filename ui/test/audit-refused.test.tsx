// Who is refused for his role is told so in words, in the audit too.
import { cleanup, render } from '@testing-library/react';
import { afterEach, beforeAll, expect, it } from 'vitest';
import type { AuditRow } from '@/api/types';
import { startI18n } from '@/i18n';
import { DEFAULTS } from '@/i18n/locale';
import { useAuditColumns } from '@/pages/parts/audit-columns';

beforeAll(async () => {
  await startI18n({ ...DEFAULTS, language: 'ar' });
});
afterEach(cleanup);

function Outcome({ outcome }: { outcome: string }) {
  const column = useAuditColumns<AuditRow>().find((known) => known.key === 'outcome');
  return column?.cell({ outcome } as AuditRow);
}

it('names no code for a role that may not', () => {
  render(<Outcome outcome="request.forbidden" />);
  expect(document.body.textContent).toBe('لا يسمح الدور بهذا الإجراء.');
});
