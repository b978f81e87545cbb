// A trend over the shared time axis. Gaps stay gaps; what was drawn (raw or rolled up) is said in words.
import { useComputedColorScheme } from '@mantine/core';
import { useElementSize } from '@mantine/hooks';
import { useEffect, useRef, useState } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { Series } from '@/api/types';
import { useText } from '@/i18n/text';
import { iso } from '@/lib/format';
import { plotOptions, type PlotInput } from '@/lib/plot';
import { Quantity } from './marks';
import { isState } from './metrics';

export type TrendProps = Pick<PlotInput, 'limits' | 'band' | 'onsetAt' | 'cursorAt' | 'past' | 'pen' | 'axes'> & {
  series: Series;
  label: string;
  height?: number;
  onPick?: (t: number) => void;
  readout?: boolean;
  /** Says whether the values are states, and which. */
  metric?: string;
};

/** A state holds until the next one; there is nothing in between. */
const STEPS = uPlot.paths.stepped?.({ align: 1 });

/** Canvas text uses a fallback font unless the face is loaded first. */
function useFonts(): boolean {
  const [ready, setReady] = useState(false);
  useEffect(() => {
    let alive = true;
    const loaded = ['12px "IBM Plex Sans"', '12px "IBM Plex Sans Arabic"'].map((f) => document.fonts.load(f, 'أ1'));
    void Promise.allSettled(loaded).then(() => alive && setReady(true));
    return () => {
      alive = false;
    };
  }, []);
  return ready;
}

export function Trend({ series, label, height = 190, onPick, readout = false, metric, ...rest }: TrendProps) {
  const { p, t } = useText();
  const scheme = useComputedColorScheme('light');
  const { ref, width } = useElementSize();
  const host = useRef<HTMLDivElement>(null);
  const fonts = useFonts();
  const [hover, setHover] = useState<number | null>(null);
  const paths = metric !== undefined && isState(metric) ? STEPS : undefined;
  const { limits, band, onsetAt, cursorAt, past, pen, axes } = rest;

  useEffect(() => {
    if (!host.current || width < 40 || !fonts) return;
    const input: PlotInput = {
      from: series.from, to: series.to, t: series.t, v: series.v, bad: series.bad, limits, band, onsetAt, cursorAt, past, pen, axes, paths,
      height, width, p, onHover: readout ? setHover : undefined,
    };
    const plot = new uPlot(plotOptions(input), [series.t.map((x) => x / 1000), series.v], host.current);
    return () => plot.destroy();
    // The scheme is part of the colours that the options read from the page.
  }, [series, width, fonts, height, p, scheme, limits, band, onsetAt, cursorAt, past, pen, axes, paths, readout]);

  const pick = (event: React.MouseEvent<HTMLDivElement>) => {
    if (!onPick || !host.current) return;
    const over = host.current.querySelector('.u-over')?.getBoundingClientRect();
    if (!over || event.clientX < over.left || event.clientX > over.right) return;
    onPick(series.from + ((event.clientX - over.left) / over.width) * (series.to - series.from));
  };
  const at = hover !== null ? series.t[hover] : undefined;
  const drawn = series.v.some((x) => x !== null);
  return (
    <div ref={ref} className="trend" onClick={pick}>
      <div ref={host} role="img" aria-label={label} style={{ blockSize: height }} />
      {!drawn && <p className="trend-empty help" dir="auto">{t('trend.no_points')}</p>}
      {readout && at !== undefined && (
        <div className="trend-read cap">
          <bdi className="t" dir="ltr">{iso(at)}</bdi> <Quantity value={series.v[hover!]} unit={series.unit} metric={metric} />
        </div>
      )}
    </div>
  );
}

export function ProvenanceNote({ series }: { series: Series }) {
  const { t, n } = useText();
  return <span className="cap dim">{t(`trend.provenance.${series.provenance}`, { n: n(series.t.length, 0) })}</span>;
}
