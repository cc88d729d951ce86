/** A head on a disk that is slow, fails, or is locked by another: by a library that is preloaded into the real program. */
import { execFileSync } from 'node:child_process';
import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { loadDriver } from '../../packages/head/src/store/driver.ts';
import { until } from '../e2e/real-herd.ts';
import { RealHead } from './real-head.ts';

const library = join(tmpdir(), `drover-faults-${process.pid}.so`);
let compiler: string | null = null;
let head: RealHead;
let control: string;

beforeAll(() => {
  compiler = ['/usr/bin/cc', '/usr/bin/gcc', '/usr/bin/clang'].find((path) => existsSync(path)) ?? null;
  if (compiler === null) return;
  const source = fileURLToPath(new URL('./faults.c', import.meta.url));
  execFileSync(compiler, ['-shared', '-fPIC', '-O1', '-o', library, source, '-ldl']);
});
beforeEach(() => {
  head = new RealHead();
  control = join(head.dir, 'fault');
});
afterEach(() => head.close());
afterAll(() => rmSync(library, { force: true }));

/** From the next call on. A rename, for it is read at any moment. */
function setFault(words: string): void {
  writeFileSync(`${control}.new`, words);
  renameSync(`${control}.new`, control);
}

async function startFaulty(skip: (reason: string) => void, flags: readonly string[] = []): Promise<void> {
  if (compiler === null) skip('no C compiler here, so no failing disk can be made');
  await head.start(flags, { LD_PRELOAD: library, DROVER_TEST_FAULT: control });
}

it('D7: with syncs of 5 s a head answers at once, sheds what it cannot store, and loses nothing', async (context) => {
  await startFaulty((reason) => context.skip(reason));
  const before = (await head.submit()).json.id;
  setFault('slow-sync 5000');
  const wave = Array.from({ length: 1_000 }, () => head.submit());
  let done = false;
  const all = Promise.all(wave).finally(() => {
    done = true;
  });
  let slowest = 0;
  while (!done) {
    const started = performance.now();
    expect((await fetch(`${head.url}/healthz`)).status).toBe(200);
    expect((await head.call('GET', `/v1/instances/${before}`)).json.id).toBe(before);
    slowest = Math.max(slowest, performance.now() - started);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  expect(slowest).toBeLessThan(4_000);
  const replies = await all;
  for (const { status, retryAfter, json } of replies) {
    expect([201, 503]).toContain(status);
    if (status === 503) expect([json.error.code, retryAfter]).toEqual(['STORE_FULL', '1']);
  }
  expect(replies.filter(({ status }) => status === 503).length).toBeGreaterThan(0);
  await until(
    'the head sheds at once',
    async () => {
      const started = performance.now();
      const { status, json } = await head.submit();
      return (
        status === 503 &&
        performance.now() - started < 1_000 &&
        /has not answered for|too slow/.test(json.error.message)
      );
    },
    30_000,
  );
  setFault('none');
  await until('it takes writes again', async () => (await head.submit()).status === 201, 30_000);
  const accepted = replies.filter(({ status }) => status === 201).map(({ json }) => json.id);
  const shown = new Set(await head.ids());
  expect([before, ...accepted].filter((id) => !shown.has(id))).toEqual([]);
});

it.for([
  ['fail-sync', /sync to disk failed/],
  ['fail-write', /store failed|I\/O error/],
] as const)(
  'D8: %s on the database ends the head, which never goes on as if it were stored',
  async ([fault, message], context) => {
    await startFaulty((reason) => context.skip(reason));
    const accepted: string[] = [];
    for (let i = 0; i < 5; i++) accepted.push((await head.submit()).json.id);
    setFault(fault);
    const lost = await head.submit().catch(() => null);
    expect(lost?.status ?? 503).not.toBe(201);
    expect(await head.ended()).toBe(70);
    expect(head.said).toMatch(message);
    expect(head.said).toMatch(/can no longer be stored; this head ends/);
    setFault('none');
    await head.start();
    const shown = await head.ids();
    expect(accepted.filter((id) => !shown.includes(id))).toEqual([]);
  },
);

it('D9: a database locked by another process for long: writes 503 after a bounded wait, reads go on, no instance fails', async () => {
  await head.start(['--ping', '300ms', '--suspect-after', '1s', '--offline-after', '3s']);
  const { json: before } = await head.submit();
  const db = (await loadDriver()).open(join(head.state, 'drover.db'));
  db.exec('BEGIN IMMEDIATE');
  const started = performance.now();
  const waited = await head.submit();
  expect(performance.now() - started).toBeLessThan(9_000);
  expect([waited.status, waited.retryAfter, waited.json.error.code]).toEqual([503, '1', 'STORE_FULL']);
  while (performance.now() - started < 8_000) {
    const again = await head.submit();
    expect([again.status, again.retryAfter]).toEqual([503, '1']);
    expect(again.json.error.message).toMatch(/Another process holds the database/);
    expect(await head.ids()).toEqual([before.id]);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  db.exec('ROLLBACK');
  db.close();
  await until('it takes writes again', async () => (await head.submit()).status === 201);
  expect((await head.call('GET', `/v1/instances/${before.id}`)).json.status).toBe('PENDING');
});
