import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DamagedFile, readChecked, writeAtomic, writeChecked } from './atomic.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'drover-atomic-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

test.each([false, true])('D3: it replaces a file, for its owner alone (durable: %s)', (durable) => {
  const path = join(dir, 'a');
  writeAtomic(path, 'one', durable);
  writeAtomic(path, 'two é', durable);
  expect(readFileSync(path, 'utf8')).toBe('two é');
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(dir)).toEqual(['a']);
});

test('D4: a checked file comes back as it was, and any change is noticed', () => {
  const path = join(dir, 'a');
  expect(readChecked(path)).toBeUndefined();
  writeChecked(path, { a: 'é\n"' });
  expect(readChecked(path)).toEqual({ a: 'é\n"' });
  const good = readFileSync(path);
  for (let at = 0; at < good.length; at++) {
    const bad = Buffer.from(good);
    bad[at] = (bad[at] ?? 0) ^ 1;
    writeFileSync(path, bad);
    expect(() => readChecked(path)).toThrow(DamagedFile);
    writeFileSync(path, good.subarray(0, at));
    expect(() => readChecked(path)).toThrow(DamagedFile);
  }
});
