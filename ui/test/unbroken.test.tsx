// Codes in a sentence are not cut at the end of a line.
import { render } from '@testing-library/react';
import { expect, it } from 'vitest';
import { Unbroken } from '@/pages/parts/root-cause';

it('keeps a code whole and the text as it is', () => {
  const text = 'السبب الأرجح «\u2068اندفاع ارتدادي\u2069» في \u2068K-202\u2069 (\u2068CC-SRG\u2069).';
  const { container } = render(<Unbroken text={text} />);
  expect(container.textContent).toBe(text);
  expect([...container.querySelectorAll('.nw')].map((e) => e.textContent)).toEqual(['\u2068K-202\u2069', '\u2068CC-SRG\u2069']);
});
