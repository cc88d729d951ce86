/**
 * One simulated life of a herd: a seeded workload under seeded faults, then everything heals and must come to its end.
 * After every event the invariants are looked at; the first that breaks ends the run with its words.
 */
import { isFinal, WORKER_LOST_POLICIES } from '@drover/core';
import { SimHerd } from '@drover/testkit';
import { FAULTS, type Heal, healAll } from './faults.ts';
import {
  damagedLog,
  disagreement,
  leftovers,
  Monotone,
  overcommitted,
  rowOf,
  Starts,
  unexplained,
} from './invariants.ts';
import { Workload } from './workload.ts';

export interface SeedResult {
  readonly seed: number;
  readonly events: number;
  readonly submitted: number;
  readonly problem: string | null;
  /** The faults, in their order. */
  readonly faults: readonly string[];
}

const SUBMISSIONS_PER_STEP = 2;
const STEPS = 14;
const HEAL_MS = 180_000;
/** So many events between two looks at what every instance says of itself. */
const EXPLAIN_EVERY = 40;

/** @param onTrace hears what happens, line by line; it changes nothing */
export async function runSeed(
  seed: number,
  onTrace: ((line: string) => void) | null = null,
): Promise<SeedResult> {
  const herd = new SimHerd(seed);
  herd.onTrace = onTrace;
  const { clock, random } = herd;
  const load = new Workload(herd);
  const starts = new Starts();
  const monotone = new Monotone();
  const faults: string[] = [];
  let problem: string | null = null;
  let reboots = 0;

  const result = (): SeedResult => ({
    seed,
    events: clock.events,
    submitted: load.submitted,
    problem,
    faults,
  });
  const check = (): boolean => {
    problem ??= herd.errors[0] ?? overcommitted(herd) ?? starts.check(herd, load) ?? monotone.check(herd);
    if (clock.events % EXPLAIN_EVERY === 0) problem ??= unexplained(herd);
    return problem !== null;
  };
  const run = async (ms: number): Promise<void> => {
    await clock.until(check, clock.nowMs + ms);
  };

  await herd.startHead();
  for (let i = 0; i < 3; i++) await herd.addWorker(4);

  let heals: Heal[] = [];
  for (let step = 0; step < STEPS && problem === null; step++) {
    for (let i = 0; i < SUBMISSIONS_PER_STEP; i++) {
      load.submit(WORKER_LOST_POLICIES);
      await run(random.int(60));
    }
    if (random.chance(0.4)) load.cancel();
    if (random.chance(0.3)) load.remove();
    if (random.chance(0.3)) load.decide();
    const name = random.pick(Object.keys(FAULTS));
    faults.push(name);
    const worker = random.pick(herd.workers);
    herd.trace('fault', () => `${name} (${worker.id.slice(0, 4)})`);
    if (name === 'rebootMachine') reboots += 1;
    const heal = FAULTS[name]?.(herd, worker);
    if (heal) heals.push(heal);
    await run(random.int(random.pick([500, 3_000, 9_000])));
    // Mostly mended before the next one; sometimes several are under way.
    while (heals.length > 0 && problem === null && random.chance(0.7)) {
      herd.trace('fault', () => 'one is mended');
      await heals.splice(random.int(heals.length), 1)[0]?.();
      await run(random.int(500));
    }
  }
  if (problem !== null) return result();
  await healAll(herd, heals);
  heals = [];
  const ended = await clock.until(() => check() || open(herd, load).length === 0, clock.nowMs + HEAL_MS);
  if (problem === null && !ended)
    problem = `not ended ${HEAL_MS} ms after the last fault: ${open(herd, load).join(', ')}`;
  problem ??= disagreement(herd, load, reboots);
  problem ??= await damagedLog(herd, load);
  await clock.until(() => check() || leftovers(herd) === null, clock.nowMs + HEAL_MS);
  problem ??= leftovers(herd);
  return result();
}

/** What has not come to its end. What still waits for a person's decision is decided. */
function open(herd: SimHerd, { accepted, deleted }: Workload): string[] {
  const { engine } = herd;
  if (!engine) return ['no head'];
  return [...accepted.keys(), ...deleted].flatMap((id) => {
    const row = rowOf(herd, id);
    if (!row) return deleted.has(id) ? [] : [`${id} lost`];
    // The only worker that it may run on was deleted: it says so, and a person cancels it.
    const target = row.spec.targetWorker;
    if (row.status === 'PENDING' && target !== null && !engine.state.tables.workers.get(target)) return [];
    const settled = isFinal(row.status) && row.released && row.log?.archived !== false;
    return settled ? [] : [`${id} ${row.status}`];
  });
}
