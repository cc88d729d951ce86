/** Which life a seed stands for: most are lives under faults, some begin again from an older copy of the state. */
import { runOlderCopy } from './older-copy.ts';
import { runSeed, type SeedResult } from './run-seed.ts';

const OLDER_COPY_EACH = 5;

/** @param onTrace hears what happens, line by line */
export const runLife = (
  seed: number,
  onTrace: ((line: string) => void) | null = null,
): Promise<SeedResult> =>
  seed % OLDER_COPY_EACH === 0 ? runOlderCopy(seed, onTrace) : runSeed(seed, onTrace);
