// A text as a QR code. Dark on white in every theme: cameras look for that.
import { useMemo } from 'react';
import { pathOf, squaresOf } from '@/lib/qr';

export function QrCode({ text, label }: { text: string; label: string }) {
  const [side, path] = useMemo(() => {
    const squares = squaresOf(text);
    return [squares.length, pathOf(squares)] as const;
  }, [text]);
  return (
    <svg className="qr" role="img" aria-label={label} viewBox={`0 0 ${side} ${side}`} shapeRendering="crispEdges">
      <rect className="qr-paper" width={side} height={side} />
      <path className="qr-ink" d={path} />
    </svg>
  );
}
