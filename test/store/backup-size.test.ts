/** A large state goes through backup and restore in little memory. */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sampleBatch, sampleRow } from '@drover/testkit';
import { afterEach, expect, it } from 'vitest';
import { openStore } from '../../packages/head/src/store/open-store.ts';
import { dropSchema, newPostgresUrl } from './databases.ts';
import { runDrover } from './run-drover.ts';

const ROWS = 100_000;
const ports = { log: { info() {}, warn() {}, error() {} }, onFatal: () => undefined };
/** Half of the text of the rows: who holds them all does not come through. */
const LITTLE = { NODE_OPTIONS: '--max-old-space-size=72' };
const root = mkdtempSync(join(tmpdir(), 'drover-large-'));
const url = newPostgresUrl();
afterEach(async () => {
  await dropSchema(url);
  rmSync(root, { recursive: true, force: true });
});

it('100,000 rows, from SQLite to PostgreSQL, and to SQLite', async () => {
  const place = { stateDir: join(root, 'a'), store: null };
  const store = await openStore(place, ports);
  const body = JSON.stringify({ spec: {}, text: 'x'.repeat(1_500) });
  for (let number = 1; number <= ROWS / 5_000; number++) {
    const rows = Array.from({ length: 5_000 }, (_, i) => sampleRow((number - 1) * 5_000 + i + 1, { body }));
    await store.commit(sampleBatch(number, rows));
  }
  await store.close();
  expect(statSync(join(root, 'a/drover.db')).size).toBeGreaterThan(150_000_000);
  const [first, second] = [join(root, '1'), join(root, '2')];
  const steps = [
    ['backup', first, '--state', join(root, 'a'), '--store', 'sqlite'],
    ['restore', first, '--state', join(root, 'b'), '--store', url],
    ['backup', second, '--state', join(root, 'b'), '--store', url],
    ['restore', first, '--state', join(root, 'c'), '--store', 'sqlite'],
  ];
  for (const step of steps) expect(await runDrover(['head', ...step], LITTLE)).toMatchObject({ code: 0 });
  const last = [ROWS, ROWS - 1, ROWS - 2].map((seq) => sampleRow(seq, { body }));
  for (const place of [
    { stateDir: join(root, 'b'), store: url },
    { stateDir: join(root, 'c'), store: null },
  ]) {
    const again = await openStore(place, ports);
    expect(await again.page({ collection: 'instances', limit: 3 })).toEqual(last);
    expect(await again.maxSeq('instances')).toBe(ROWS);
    await again.close();
  }
}, 120_000);
