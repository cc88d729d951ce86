/**
 * A life in which the head is started from an older copy of its state: a backup is taken, work goes on, the head dies and
 * starts from the backup. Nothing may be stopped, and nothing be begun again, because of what the copy does not know.
 */
import { isFinal } from '@drover/core';
import { SIM_ACTOR, SimHerd } from '@drover/testkit';
import { leftReservations, Monotone, overcommitted, rowOf, Starts } from './invariants.ts';
import type { SeedResult } from './run-seed.ts';
import { Workload } from './workload.ts';

const LATER_MS = 120_000;

export async function runOlderCopy(
  seed: number,
  onTrace: ((line: string) => void) | null = null,
): Promise<SeedResult> {
  const herd = new SimHerd(seed);
  herd.onTrace = onTrace;
  const { clock, random } = herd;
  const load = new Workload(herd);
  const starts = new Starts();
  const faults = ['olderCopy'];
  let monotone = new Monotone();
  let problem: string | null = null;
  const result = (): SeedResult => ({
    seed,
    events: clock.events,
    submitted: load.submitted,
    problem,
    faults,
  });
  const check = (): boolean => {
    problem ??= herd.errors[0] ?? overcommitted(herd) ?? starts.check(herd, load) ?? monotone.check(herd);
    return problem !== null;
  };
  const run = async (ms: number): Promise<void> => {
    await clock.until(check, clock.nowMs + ms);
  };
  const work = async (steps: number): Promise<void> => {
    for (let i = 0; i < steps && problem === null; i++) {
      load.submit(['wait']);
      if (random.chance(0.1)) load.cancel();
      await run(random.int(800));
    }
  };

  await herd.startHead();
  for (let i = 0; i < 3; i++) await herd.addWorker(4);
  await work(6 + random.int(12));
  const backup = herd.backup();
  const known = new Set(load.accepted.keys());
  await work(1 + random.int(12));
  herd.killHead();
  // Without the mark of a restore it is the workers that tell a copy, by what they have seen: all that they had in memory,
  // or, after a restart, what they had written down.
  const isMarked = random.chance(0.5);
  if (isMarked && random.chance(0.5)) {
    const worker = random.pick(herd.workers);
    herd.killWorker(worker);
    await herd.startWorker(worker);
  }
  await run(random.int(4_000));
  const cancelled = new Set(load.cancelled);
  const killed = herd.workers.map((worker) => worker.disk.killed.length);
  herd.restore(backup, isMarked);
  monotone = new Monotone();
  await herd.startHead();
  await run(LATER_MS);

  for (const [at, worker] of herd.workers.entries()) {
    const wrong = worker.disk.killed.slice(killed[at]).find((tag) => !cancelled.has(tag.split('/')[0] ?? ''));
    if (wrong) problem ??= `killed by an older copy: ${wrong}`;
  }
  for (const id of known) {
    const row = rowOf(herd, id);
    if (!row) {
      problem ??= `lost: ${id}`;
      continue;
    }
    if (!isFinal(row.status) && row.reason?.code !== 'OLDER_STATE')
      problem ??= `neither ended nor explained: ${id} ${row.status}`;
    // Seen by its worker alone, and since forgotten there: nobody can say; else the end must be the one that was.
    const seen = herd.workers.find(({ disk }) => disk.completed.has(`${id}/${row.attempt}`));
    const code = seen?.disk.completed.get(`${id}/${row.attempt}`);
    const isDoubted = row.reason?.code === 'OLDER_STATE' || row.status === 'CANCELLED';
    if (code !== undefined && row.exitCode !== code && !isDoubted)
      problem ??= `wrong end: ${id} ${row.status} ${row.exitCode}, ran ${code}`;
  }
  if (problem !== null || !herd.engine) return result();
  // A person decides: whatever was doubted is given up, and then nothing is held for it.
  for (const row of [...herd.engine.state.tables.instances.all()])
    if (row.status === 'UNKNOWN') herd.engine.instances.forget(SIM_ACTOR, row.id);
  const { reservations } = herd.engine.state.tables;
  const ended = await clock.until(() => check() || reservations.size === 0, clock.nowMs + LATER_MS);
  if (!ended) problem ??= leftReservations(herd);
  return result();
}
