/**
 * A few hundred seeded lives of a herd: fresh ones each time, and all that ever failed. A failure names its seed, and
 * `npm run sim -- --from SEED --seeds 1 --trace` replays it.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { runLife } from './lives.ts';

const FRESH = 250;

const failedOnce = readFileSync(new URL('failed-seeds.txt', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => /^\d/.test(line))
  .map((line) => Number.parseInt(line, 10));

describe('a herd under faults', () => {
  it('loses nothing, doubles nothing and comes to its end, in seeds that failed once', async () => {
    for (const seed of failedOnce) expect((await runLife(seed)).problem, `seed ${seed}`).toBeNull();
  });

  it('does so in fresh seeds', { timeout: 120_000 }, async () => {
    // Any start will do, as long as it is said.
    const from = (Date.now() % 1_000_000_000) + 1;
    console.log(`sim: ${FRESH} seeds from ${from}`);
    for (let seed = from; seed < from + FRESH; seed++)
      expect((await runLife(seed)).problem, `seed ${seed}`).toBeNull();
  });

  it('replays exactly', async () => {
    const lines = async (seed: number): Promise<string[]> => {
      const said: string[] = [];
      await runLife(seed, (line) => said.push(line));
      return said;
    };
    for (const seed of [7, 10]) {
      const first = await lines(seed);
      expect(first.length).toBeGreaterThan(100);
      expect(await lines(seed)).toEqual(first);
    }
  });
});
