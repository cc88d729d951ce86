import { formatDuration } from '../values/duration.ts';

/** How long ago that was: 12s, 3m20s, 2d4h. */
export function formatAge(stamp: string, nowMs: number): string {
  const ms = nowMs - Date.parse(stamp);
  // The clock of the head may run a little ahead of ours.
  return Number.isNaN(ms)
    ? '?'
    : formatDuration(Math.max(0, Math.floor(ms / 1000) * 1000)).replace(/^0ms$/, '0s');
}
