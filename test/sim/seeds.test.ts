/** A few dozen seeded lives of a herd. A failure names its seed: `npm run sim -- --from SEED --seeds 1` replays it. */
import { describe, expect, it } from 'vitest';
import { runSeed } from './run-seed.ts';

const SEEDS = 40;

describe('a herd under faults', () => {
  it('loses nothing, doubles nothing and comes to its end', async () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const { problem } = await runSeed(seed);
      expect(problem, `seed ${seed}`).toBeNull();
    }
  });

  it('replays exactly', async () => {
    expect(await runSeed(7)).toEqual(await runSeed(7));
  });
});
