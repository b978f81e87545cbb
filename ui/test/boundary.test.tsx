// A page that fails while it is drawn leaves a sentence and a way back, not a white screen.
import { cleanup, render, screen } from '@testing-library/react';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { RequestFailed } from '@/api/http';
import { PageBoundary } from '@/components/boundary';
import { When } from '@/components/marks';
import { ErrorState } from '@/components/notices';
import { changePreferences, startI18n } from '@/i18n';
import { DEFAULTS } from '@/i18n/locale';

beforeAll(() => startI18n({ ...DEFAULTS, language: 'en' }));
beforeEach(() => {
  // React reports what it caught; the test expects it.
  vi.spyOn(console, 'error').mockImplementation(() => undefined);
});
afterEach(() => {
  cleanup();
  vi.restoreAllMocks();
});

function Page({ fails }: { fails: boolean }) {
  if (fails) throw new RangeError('Invalid time value');
  return <p>all is well</p>;
}

const drawn = (at: string, fails: boolean) => <PageBoundary at={at}><Page fails={fails} /></PageBoundary>;

describe('a page that fails while it is drawn', () => {
  it('is told in a sentence, with a way back, in both languages', async () => {
    for (const [language, title, back] of [['en', 'This page stopped', 'Back to the dashboard'], ['ar', 'توقفت هذه الصفحة', 'العودة إلى لوحة المتابعة']] as const) {
      await changePreferences({ ...DEFAULTS, language });
      render(drawn('/work-orders', true));
      expect(screen.getByRole('heading', { name: title })).toBeTruthy();
      expect(screen.getByRole('link', { name: back }).getAttribute('href')).toBe('/');
      expect(screen.getByRole('alert').textContent).toContain('Invalid time value');
      cleanup();
    }
  });

  it('gives way to the page of another address', () => {
    const { rerender } = render(drawn('/work-orders', true));
    expect(screen.queryByText('all is well')).toBeNull();
    rerender(drawn('/work-orders', false));
    expect(screen.queryByText('all is well')).toBeNull();
    rerender(drawn('/assets', false));
    expect(screen.getByText('all is well')).toBeTruthy();
  });
});

describe('a page that can not be shown as it was asked for', () => {
  it('says what is wrong with what was asked, not that a field is marked', () => {
    const field = { field: 'from', code: 'request.time_out_of_range', message: 'The time is out of range.', params: {} };
    render(<ErrorState error={new RequestFailed(422, 'request.fields_wrong', 'One field is wrong. Correct what is marked and save again.', 'r', [field])} />);
    const said = screen.getByRole('alert').textContent;
    expect(said).toContain('The time is out of range.');
    expect(said).not.toContain('marked');
  });
});

describe('a moment no calendar knows', () => {
  it('is a dash', () => {
    render(<><When at={1e18} /><When at={1e17} full /></>);
    expect([...document.querySelectorAll('time')].map((e) => [e.textContent, e.getAttribute('datetime')])).toEqual([['—', ''], ['—', '']]);
  });
});
