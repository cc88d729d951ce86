/** The health of the links to workers. */
import type { Engine } from '@drover/engine';
import { type Metric, single } from './metric.ts';

/** @param monoMs the engine's clock for durations */
export function linkMetrics({ links }: Pick<Engine, 'links'>, monoMs: () => number): Metric[] {
  return [
    single('gauge', 'drover_links', 'Open links to workers.', () => [...links.all()].length),
    single(
      'gauge',
      'drover_link_silence_seconds',
      'How long ago the worker spoke that has been silent for the longest, of those with an open link.',
      () => {
        let longestMs = 0;
        const now = monoMs();
        for (const link of links.all()) longestMs = Math.max(longestMs, now - link.heardMs);
        return longestMs / 1000;
      },
    ),
    single(
      'counter',
      'drover_link_refused_frames_total',
      'Frames of workers that were not taken: stale, out of turn, or not of a present link.',
      () => links.refusedFrames,
    ),
    single(
      'gauge',
      'drover_link_worker_refused_frames',
      'Frames of this head that workers with an open link say they have refused.',
      () => {
        let sum = 0;
        for (const link of links.all()) sum += link.refusedFrames;
        return sum;
      },
    ),
  ];
}
