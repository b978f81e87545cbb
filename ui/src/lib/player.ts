// Playback of a stretch of time. It runs beside the page: what moves with it listens and moves itself, so no page is
// rendered for a frame, however many events there are.
import { useEffect, useState, useSyncExternalStore } from 'react';

export const SPEEDS = [1, 2, 5, 10, 30, 60, 300, 1000] as const;
export type Speed = (typeof SPEEDS)[number];

/** What gives a turn before the next picture; the browser, except in tests. */
export interface Frames {
  request: (turn: (now: number) => void) => number;
  cancel: (id: number) => void;
}

const BROWSER: Frames = { request: (turn) => requestAnimationFrame(turn), cancel: (id) => cancelAnimationFrame(id) };

/** A page that was hidden does not jump when it is seen again. */
const LONGEST_FRAME_MS = 250;

export class Player {
  position: number | null = null;
  playing = false;
  loop = false;
  speed: Speed = 60;
  private listeners = new Set<() => void>();
  private watchers = new Set<() => void>();
  private version = 0;
  private frame = 0;
  private last: number | null = null;

  constructor(public from: number, public to: number, private readonly frames: Frames = BROWSER) {}

  /** Told at each move. */
  readonly listen = (tell: () => void): (() => void) => {
    this.listeners.add(tell);
    return () => void this.listeners.delete(tell);
  };
  /** Told when it starts, stops, or changes speed or loop. */
  readonly watch = (tell: () => void): (() => void) => {
    this.watchers.add(tell);
    return () => void this.watchers.delete(tell);
  };
  readonly state = (): number => this.version;

  /** The stretch it plays; a position outside of it stays until it is moved. */
  within(from: number, to: number): void {
    this.from = from;
    this.to = to;
  }

  seek(at: number | null): void {
    if (at === this.position) return;
    this.position = at;
    this.moved();
  }

  play(): void {
    if (this.playing) return;
    if (this.position === null || this.position >= this.to || this.position < this.from) this.position = this.from;
    this.playing = true;
    this.last = null;
    this.frame = this.frames.request(this.turn);
    this.changed();
    this.moved();
  }

  pause(): void {
    if (!this.playing) return;
    this.playing = false;
    this.frames.cancel(this.frame);
    this.changed();
    this.moved();
  }

  toggle(): void {
    if (this.playing) this.pause();
    else this.play();
  }

  setSpeed(speed: Speed): void {
    this.speed = speed;
    this.changed();
  }

  /** The next faster or slower speed; the ends stay. */
  shift(way: 1 | -1): void {
    const next = SPEEDS[SPEEDS.indexOf(this.speed) + way];
    if (next !== undefined) this.setSpeed(next);
  }

  setLoop(loop: boolean): void {
    this.loop = loop;
    this.changed();
  }

  private readonly turn = (now: number): void => {
    if (!this.playing) return;
    const passed = this.last === null ? 0 : Math.min(LONGEST_FRAME_MS, now - this.last);
    this.last = now;
    let next = (this.position ?? this.from) + passed * this.speed;
    if (next >= this.to) {
      if (!this.loop) {
        this.position = this.to;
        this.pause();
        return;
      }
      next = this.from + ((next - this.from) % Math.max(1, this.to - this.from));
    }
    this.position = next;
    this.moved();
    this.frame = this.frames.request(this.turn);
  };

  private moved(): void {
    this.listeners.forEach((tell) => tell());
  }

  private changed(): void {
    this.version += 1;
    this.watchers.forEach((tell) => tell());
  }
}

/** Renders when it starts, stops, or changes speed or loop; not when it moves. */
export function usePlayer(player: Player): Player {
  useSyncExternalStore(player.watch, player.state);
  return player;
}

/** Where it stands: at once when moved by hand, at most every `everyMs` while it plays. */
export function usePosition(player: Player, everyMs: number): number | null {
  const [position, setPosition] = useState(player.position);
  useEffect(() => {
    let told = 0;
    const tell = () => {
      const now = performance.now();
      if (player.playing && now - told < everyMs) return;
      told = now;
      setPosition(player.position);
    };
    tell();
    return player.listen(tell);
  }, [player, everyMs]);
  return position;
}
