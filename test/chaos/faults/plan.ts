/** Which faults come when: made from the seed before the run begins, so that a seed always means the same plan. */
import { SeededRandom } from '@drover/testkit/seeded-random';
import type { Fault } from './fault.ts';

export interface Planned {
  readonly atMs: number;
  readonly fault: Fault;
  /** For the choices that the fault makes itself. */
  readonly seed: number;
  /** When it is taken back, after its beginning. */
  readonly healAfterMs: number;
}

const WEIGHTS_PER_MS = 120_000;
/** Healing is so much more likely than the fault. */
const HEAL_FACTOR = 5;
const SHORTEST_MS = 300;

/** @param faults with weights as expected occurrences per two minutes; they come `rate` times as often */
export function planFaults(faults: readonly Fault[], seed: number, lengthMs: number, rate = 1): Planned[] {
  const planned = faults.flatMap((fault) => {
    // By name: what is chosen with --only comes at the same times as in the whole run at the same rate.
    const random = new SeededRandom(seed * 1009 + hash(fault.name));
    const meanMs = WEIGHTS_PER_MS / (fault.weight * rate);
    const list: Planned[] = [];
    for (let atMs = wait(random, meanMs); atMs < lengthMs; atMs += wait(random, meanMs)) {
      const healMs = Math.max(SHORTEST_MS, wait(random, meanMs / HEAL_FACTOR));
      list.push({
        atMs: Math.round(atMs),
        fault,
        seed: random.int(2 ** 31),
        healAfterMs: Math.round(Math.min(fault.mostMs, healMs)),
      });
    }
    return list;
  });
  return planned.sort((a, b) => a.atMs - b.atMs);
}

/** Between two events that come by chance. */
const wait = (random: SeededRandom, meanMs: number): number => -Math.log(1 - random.float()) * meanMs;

const hash = (text: string): number =>
  [...text].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) | 0, 7);
