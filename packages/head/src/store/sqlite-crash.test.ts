import { execFileSync, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { StoredRow } from '@drover/engine';
import { sampleBatch, sampleRow } from '@drover/testkit';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openSqliteStore } from './sqlite-store.ts';

const log = { info() {}, warn() {}, error() {} };
const ROWS_PER_BATCH = 7;
const MOUNT = '/bin/mount';
const UNMOUNT = '/bin/umount';
let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'drover-crash-'));
});
afterEach(() => rm(dir, { recursive: true }));

/** Commits for ever, several batches under way at once, and prints the number of each that is acknowledged. */
const committer = (stateDir: string, andThen = '') => `
  import { openSqliteStore } from ${JSON.stringify(new URL('./sqlite-store.ts', import.meta.url).href)};
  import { writeSync } from 'node:fs';
  const log = { info() {}, warn() {}, error() {} };
  const store = await openSqliteStore({ dir: ${JSON.stringify(stateDir)}, log });
  let number = (await store.last()).batch;
  const one = async () => {
    for (;;) {
      const mine = ++number;
      const changes = Array.from({ length: ${ROWS_PER_BATCH} }, (_, i) => {
        const seq = mine * ${ROWS_PER_BATCH} + i;
        return { op: 'put', collection: 'instances', row: { id: 'i' + seq, seq, project: 'p', name: null, status: 'S',
          owner: 'batch/' + mine, rev: mine, v: 1, body: JSON.stringify({ text: 'x'.repeat(1000) }) } };
      });
      await store.commit({ number: mine, epoch: 1, changes });
      writeSync(1, mine + '\\n');
    }
  };
  for (let i = 0; i < 8; i++) one();
  ${andThen}
`;

function startCommitter(stateDir: string, andThen = '') {
  const script = committer(stateDir, andThen);
  return spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', script], {
    cwd: new URL('.', import.meta.url),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

/** Runs the committer until it has acknowledged `count` batches, then kills it. @returns the highest number heard. */
async function killedAfter(count: number): Promise<number> {
  const child = startCommitter(dir);
  let highest = 0;
  let heard = 0;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  for await (const line of createInterface({ input: child.stdout })) {
    highest = Math.max(highest, Number(line));
    if (++heard === count) child.kill('SIGKILL');
  }
  await ended;
  return highest;
}

it('D3: holds every acknowledged batch, and whole ones only, after kill -9 in the middle of commits', async () => {
  for (const count of [40, 173]) {
    const acknowledged = await killedAfter(count);
    const store = await openSqliteStore({ dir, log });
    const { batch: last } = await store.last();
    expect(last).toBeGreaterThanOrEqual(acknowledged);
    const sizes = new Map<number, number>();
    for (const row of await store.load('instances')) sizes.set(row.rev, (sizes.get(row.rev) ?? 0) + 1);
    expect([...sizes.keys()]).toEqual(Array.from({ length: last }, (_, index) => index + 1));
    expect(new Set(sizes.values())).toEqual(new Set([ROWS_PER_BATCH]));
    expect(await store.maxSeq('instances')).toBe(last * ROWS_PER_BATCH + ROWS_PER_BATCH - 1);
    await store.close();
  }
}, 60_000);

it('ends by process.exit with its exit code, in the middle of reads and writes', async () => {
  const busyReads = 'const read = async () => { for (;;) await store.load("instances"); }; read(); read();';
  const codes = await Promise.all(
    [100, 160, 220].map(async (ms) => {
      const child = startCommitter(
        join(dir, String(ms)),
        `${busyReads} setTimeout(() => process.exit(3), ${ms});`,
      );
      child.stdout.resume();
      return new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal)));
    }),
  );
  expect(codes).toEqual([3, 3, 3]);
}, 30_000);

/** Null when a small file system cannot be mounted here. */
function mountSmall(at: string): string | null {
  try {
    execFileSync(MOUNT, ['-t', 'tmpfs', '-o', 'size=2m,mode=0700', 'tmpfs', at], { stdio: 'pipe' });
    return null;
  } catch (error) {
    return `cannot mount a small tmpfs here: ${String(error).split('\n')[0]}`;
  }
}

it('D1: refuses a batch as full, answers reads meanwhile, and takes the same batch when there is room', async (context) => {
  const reason = mountSmall(dir);
  if (reason) {
    console.log(`skipped: ${reason}`);
    context.skip(reason);
  }
  try {
    const ballast = join(dir, 'ballast');
    await writeFile(ballast, new Uint8Array(700 * 1024));
    const store = await openSqliteStore({ dir, log });
    const big = (number: number): StoredRow =>
      sampleRow(number, { body: JSON.stringify('y'.repeat(20_000)) });
    let number = 1;
    let failure: unknown = null;
    for (; failure === null && number < 500; number++)
      await store.commit(sampleBatch(number, [big(number)])).catch((error: unknown) => {
        failure = error;
      });
    const refused = number - 1;
    expect(failure).toMatchObject({ name: 'StoreError', failure: 'full' });
    for (let tries = 0; tries < 3; tries++) {
      const outcome = await Promise.allSettled(
        [refused, refused + 1].map((n) => store.commit(sampleBatch(n, [big(n)]))),
      );
      expect(outcome).toMatchObject([{ reason: { failure: 'full' } }, { reason: { failure: 'full' } }]);
    }
    expect(await store.last()).toEqual({ batch: refused - 1, epoch: 1 });
    expect(await store.load('instances')).toHaveLength(refused - 1);
    expect(await store.page({ collection: 'instances', limit: 1 })).toEqual([big(refused - 1)]);
    await rm(ballast);
    await store.commit(sampleBatch(refused, [big(refused)]));
    await store.commit(sampleBatch(refused + 1, [big(refused + 1)]));
    await store.close();
    const again = await openSqliteStore({ dir, log });
    expect(await again.load('instances')).toHaveLength(refused + 1);
    await again.close();
  } finally {
    execFileSync(UNMOUNT, ['-l', dir]);
  }
}, 30_000);
