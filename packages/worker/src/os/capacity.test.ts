import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { detectCapacity, detectHost } from './capacity.ts';

test('it has something of everything', () => {
  const capacity = detectCapacity(tmpdir());
  expect(capacity.cpu).toBeGreaterThan(0);
  expect(capacity.memoryMiB).toBeGreaterThan(100);
  expect(capacity.diskMiB).toBeGreaterThan(0);
  expect(capacity.ports).toBe(1000);
  expect(detectHost().host).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
});
