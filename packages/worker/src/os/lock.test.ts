import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { acquireLock, LockHeld } from './lock.ts';
import { kill9, spawnWorker } from './testing.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'drover-lock-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

test('P19: it is refused while it is held, and free after its release', () => {
  const lock = acquireLock(dir);
  expect(() => acquireLock(dir)).toThrow(LockHeld);
  expect(() => acquireLock(dir)).toThrow(`in use by process ${process.pid}`);
  lock.release();
  lock.release();
  const next = acquireLock(dir);
  lock.release();
  expect(() => acquireLock(dir)).toThrow(LockHeld);
  next.release();
  expect(readdirSync(dir)).toHaveLength(1);
});

test('P19: it is taken over after a kill -9, by one of many', { timeout: 60_000 }, async () => {
  const { child } = await spawnWorker('lock', dir);
  expect(() => acquireLock(dir)).toThrow(`in use by process ${child.pid}`);
  await kill9(child);
  const rivals = await Promise.allSettled(Array.from({ length: 4 }, async () => acquireLock(dir)));
  expect(rivals.filter((rival) => rival.status === 'fulfilled')).toHaveLength(1);
});
