/**
 * `npm run soak -- [--minutes N] [--ended N] [--waiting N] [--workers N] [--streams N] [--rate N]`: a real head under a
 * large, steady load. Prints how memory, files and disk grow, and how long lists take; fails when memory or files grow.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { RealHerd } from '../e2e/real-herd.ts';
import { fill, idleStreams, joinWorkers, queue, steady } from './load.ts';
import { diskMiB, openFiles, residentMiB } from './process.ts';
import { growth, quantile, type Sample, slopePerHour } from './slopes.ts';

const SAMPLE_MS = 2_000;
/** Beyond this growth from the second to the last quarter, something is kept that should not be. */
const MOST_GROWTH = 0.1;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '15' },
    ended: { type: 'string', default: '100000' },
    waiting: { type: 'string', default: '10000' },
    workers: { type: 'string', default: '1000' },
    streams: { type: 'string', default: '500' },
    rate: { type: 'string', default: '50' },
  },
});
const want = Object.fromEntries(Object.entries(values).map(([key, text]) => [key, Number(text)]));
const { minutes = 0, ended = 0, waiting = 0, workers: workerCount = 0, streams = 0, rate = 0 } = want;
if (Object.values(want).some((value) => !(value >= 0)) || minutes <= 0) {
  console.error('soak: every option takes a number; --minutes more than 0');
  process.exit(2);
}

const herd = new RealHerd();
const over = new AbortController();
const timed = async <T>(what: string, step: () => Promise<T>): Promise<T> => {
  const begun = performance.now();
  const value = await step();
  console.log(`${what}: ${((performance.now() - begun) / 1000).toFixed(1)} s`);
  return value;
};

let failed = false;
try {
  await herd.startHead();
  const { client, url } = herd;
  const headPid = herd.head?.child.pid ?? 0;
  const memory = async (when: string): Promise<void> => {
    const { refusedFrames } = await client.head.get();
    const figures = `${residentMiB(headPid).toFixed(0)} MiB, ${openFiles(headPid)} files`;
    console.log(`  head ${when}: ${figures}, ${refusedFrames} frames refused`);
  };
  await memory('empty');
  const workers = await timed(`${workerCount} workers join`, () => joinWorkers(client, url, workerCount));
  await memory('with its workers');
  await timed(`${ended} instances end`, () => fill(client, ended));
  await memory('after them');
  await timed(`${waiting} instances wait`, () => queue(client, waiting));
  await timed(`${streams} idle streams`, () => idleStreams(client, streams, over.signal));
  await memory('with all of it');

  const load = steady(client, rate, over.signal);
  const samples: Sample[] = [];
  const lists: Record<string, number[]> = { waiting: [], stored: [], workers: [] };
  const time = async (name: string, call: () => Promise<unknown>): Promise<void> => {
    const begun = performance.now();
    await call();
    lists[name]?.push(performance.now() - begun);
  };
  let disk = 0;
  const begun = performance.now();
  while (performance.now() - begun < minutes * 60_000) {
    await new Promise((resolve) => setTimeout(resolve, SAMPLE_MS));
    await time('waiting', () => client.instances.page({ status: 'PENDING' }, { limit: 100 }));
    await time('stored', () => client.instances.page({ status: 'COMPLETED' }, { limit: 100 }));
    await time('workers', () => client.workers.list());
    // Counting a hundred thousand files takes its time.
    if (samples.length % 10 === 0) disk = await diskMiB(join(herd.dir, 'head'));
    samples.push({
      atS: (performance.now() - begun) / 1000,
      values: {
        memoryMiB: residentMiB(headPid),
        files: openFiles(headPid),
        diskMiB: disk,
      },
    });
  }
  over.abort();

  console.log(`\n${load.done()} instances came and went in ${minutes} min, ${rate} asked for each second`);
  for (const name of ['memoryMiB', 'files', 'diskMiB']) {
    const first = samples[0]?.values[name] ?? 0;
    const last = samples.at(-1)?.values[name] ?? 0;
    const part = growth(samples, name);
    const steadyPart = samples.slice(Math.floor(samples.length / 4));
    console.log(
      `${name.padEnd(10)} ${first.toFixed(1)} -> ${last.toFixed(1)}, ${slopePerHour(steadyPart, name).toFixed(1)} per hour, last quarter against the second: ${(part * 100).toFixed(1)} %`,
    );
    if (name !== 'diskMiB' && part > MOST_GROWTH) failed = true;
  }
  for (const [name, times] of Object.entries(lists)) {
    const shown = [0.5, 0.99].map((part) => quantile(times, part).toFixed(1));
    console.log(`list of ${name.padEnd(8)} p50 ${shown[0]} ms, p99 ${shown[1]} ms (n=${times.length})`);
  }
  if (failed) console.log(`FAILED: memory or files grew by more than ${MOST_GROWTH * 100} %`);
  for (const worker of workers) worker.close();
} finally {
  over.abort();
  // The simulated workers go with this process: their instances need nobody to end them.

  herd.head?.child.kill('SIGKILL');
  rmSync(herd.dir, { recursive: true, force: true });
}
process.exit(failed ? 1 : 0);
