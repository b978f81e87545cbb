import { cleanup, fireEvent, render, screen } from '@testing-library/react';
import { afterEach, describe, expect, it } from 'vitest';
import { useState } from 'react';
import { Segment } from '@/components/fields';
import { directionOf } from '@/i18n/locale';

function Choice() {
  const [value, setValue] = useState('b');
  return <Segment label="choice" value={value} onChange={setValue} options={['a', 'b', 'c'].map((v) => ({ value: v, label: v }))} />;
}

afterEach(() => {
  cleanup();
  document.documentElement.dir = 'ltr';
});

const chosen = () => screen.getAllByRole('radio').find((r) => r.getAttribute('aria-checked') === 'true')?.textContent;

describe('direction', () => {
  it('is right to left in Arabic', () => expect([directionOf('ar'), directionOf('en')]).toEqual(['rtl', 'ltr']));

  it('makes the left arrow go on in Arabic and back in English', () => {
    document.documentElement.dir = 'rtl';
    render(<Choice />);
    fireEvent.keyDown(screen.getByRole('radiogroup'), { key: 'ArrowLeft' });
    expect(chosen()).toBe('c');
    cleanup();
    document.documentElement.dir = 'ltr';
    render(<Choice />);
    fireEvent.keyDown(screen.getByRole('radiogroup'), { key: 'ArrowLeft' });
    expect(chosen()).toBe('a');
  });
});
