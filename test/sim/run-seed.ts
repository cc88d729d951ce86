/**
 * One simulated life of a herd: a seeded workload under seeded faults, then everything heals and must come to its end.
 * After every event the invariants are looked at; the first that breaks ends the run with its words.
 */
import { isDroverError, isFinal } from '@drover/core';
import { instanceSubmit } from '@drover/core/wire';
import { type Script, SIM_ACTOR, SimHerd } from '@drover/testkit';

export interface SeedResult {
  readonly seed: number;
  readonly events: number;
  readonly submitted: number;
  readonly problem: string | null;
}

const SUBMISSIONS = 25;
const FAULTS = 14;
const HEAL_MS = 120_000;

interface Accepted {
  readonly id: string;
  readonly script: Script;
}

export async function runSeed(seed: number): Promise<SeedResult> {
  const herd = new SimHerd(seed);
  const { clock, random } = herd;
  const accepted = new Map<string, Accepted>();
  const cancelled = new Set<string>();
  const deleted = new Set<string>();
  const lastSeen = new Map<string, { status: string; attempt: number }>();
  let problem: string | null = null;
  let submitted = 0;

  const result = (): SeedResult => ({ seed, events: clock.events, submitted, problem });
  const check = (): void => {
    problem ??= herd.errors[0] ?? overcommitted(herd) ?? startedTwice(herd) ?? movedBack(herd, lastSeen);
  };
  const run = async (ms: number): Promise<void> => {
    const until = clock.nowMs + ms;
    await clock.until(() => {
      check();
      return problem !== null;
    }, until);
  };

  const submit = (): void => {
    const { engine } = herd;
    if (!engine) return;
    const script: Script = {
      runMs: random.int(3_000),
      code: random.pick([0, 0, 0, 1, 7]),
      ignoresTerm: random.chance(0.2),
      failsToStart: random.chance(0.05),
    };
    submitted += 1;
    const input = instanceSubmit.parse({
      command: JSON.stringify(script),
      resources: { cpu: random.pick([1, 1, 2, 4]) },
      priority: random.int(2),
      graceMs: random.int(2_000),
    });
    const row = refusable(() => engine.instances.submit(SIM_ACTOR, input));
    if (!row) return;
    // Only what was acknowledged has to survive.
    engine.state.durable(row.rev).then(
      () => accepted.set(row.id, { id: row.id, script }),
      () => undefined,
    );
  };
  const cancel = (): void => {
    const { engine } = herd;
    const ids = [...accepted.keys()];
    if (!engine || ids.length === 0) return;
    const id = random.pick(ids);
    const row = engine.state.tables.instances.get(id);
    if (!row || isFinal(row.status)) return;
    if (refusable(() => engine.instances.cancel(SIM_ACTOR, id))) cancelled.add(id);
  };
  const remove = (): void => {
    const { engine } = herd;
    const ids = [...accepted.keys()].filter((id) => engine?.state.tables.instances.get(id));
    if (!engine || ids.length === 0) return;
    const id = random.pick(ids);
    // From here on it may be there or gone: an unacknowledged deletion can be lost with the head.
    if (refusable(() => [engine.instances.delete(SIM_ACTOR, id)])) {
      accepted.delete(id);
      deleted.add(id);
    }
  };

  await herd.startHead();
  for (let i = 0; i < 3; i++) await herd.addWorker(4);

  for (let at = 0; at < FAULTS && problem === null; at++) {
    for (let i = 0; i < SUBMISSIONS / FAULTS; i++) {
      submit();
      await run(random.int(60));
    }
    if (random.chance(0.4)) cancel();
    if (random.chance(0.3)) remove();
    const worker = random.pick(herd.workers);
    switch (random.int(6)) {
      case 0:
        herd.killHead();
        await run(random.int(3_000));
        if (!herd.engine) await herd.startHead();
        break;
      case 1:
        herd.killWorker(worker);
        await run(random.int(6_000));
        await herd.startWorker(worker);
        break;
      case 2:
        herd.setCut(worker, true);
        await run(random.int(8_000));
        herd.setCut(worker, false);
        break;
      case 3:
        herd.killHead();
        herd.killWorker(worker);
        await run(random.int(2_000));
        await herd.startWorker(worker);
        await herd.startHead();
        break;
      case 4:
        herd.store.failNext(random.pick(['full', 'busy'] as const), 1 + random.int(4));
        await run(random.int(2_000));
        break;
      default:
        await run(random.int(2_000));
    }
  }
  if (problem !== null) return result();
  herd.store.healNow();
  const { engine } = herd;
  if (!engine) return { ...result(), problem: 'no head at the end' };
  const open = (): string[] => {
    const rows = [...accepted.keys(), ...deleted].map((id) => ({
      id,
      row: engine.state.tables.instances.get(id),
    }));
    return rows.flatMap(({ id, row }) => {
      if (!row) return deleted.has(id) ? [] : [`${id} lost`];
      const settled = isFinal(row.status) && row.released && row.log?.archived !== false;
      return settled ? [] : [`${id} ${row.status}`];
    });
  };
  const ended = await clock.until(() => {
    check();
    return problem !== null || open().length === 0;
  }, clock.nowMs + HEAL_MS);
  if (problem === null && !ended)
    problem = `not ended ${HEAL_MS} ms after the last fault: ${open().join(', ')}`;
  problem ??= disagreement(herd, accepted, cancelled);
  await run(3_000);
  problem ??= leftovers(herd);
  return result();
}

/** A store that refuses may refuse a call too: null then. Anything else is a defect. */
function refusable<T>(call: () => T): T | null {
  try {
    return call();
  } catch (error) {
    if (isDroverError(error) && error.code === 'STORE_FULL') return null;
    throw error;
  }
}

/** No worker ever runs more than it has. Counted on the machines, not in the head's books. */
function overcommitted(herd: SimHerd): string | null {
  for (const worker of herd.workers) {
    let cpu = 0;
    for (const process of worker.disk.processes.values())
      if (process.startedAtMs !== null && !process.exit) cpu += process.order.cpu;
    if (cpu > worker.offerCpu) return `overcommitted: ${cpu} of ${worker.offerCpu} cores run on ${worker.id}`;
  }
  return null;
}

/** No attempt begins twice, anywhere, and no instance has two attempts: nobody asked for a replacement. */
function startedTwice(herd: SimHerd): string | null {
  const seen = new Set<string>();
  for (const worker of herd.workers) {
    for (const start of worker.disk.starts) {
      const instance = start.split('/')[0] ?? '';
      if (seen.has(instance)) return `started twice: ${start}`;
      seen.add(instance);
    }
  }
  return null;
}

/** What was seen durable never goes back: attempts only grow, an end is an end. */
function movedBack(herd: SimHerd, lastSeen: Map<string, { status: string; attempt: number }>): string | null {
  for (const row of herd.engine?.state.tables.instances.all() ?? []) {
    const before = lastSeen.get(row.id);
    if (before && isFinal(before.status as never) && before.status !== row.status)
      return `moved on from its end: ${row.id} ${before.status} -> ${row.status}`;
    if (isFinal(row.status))
      herd.engine?.state.whenDurable(row.rev, () =>
        lastSeen.set(row.id, { status: row.status, attempt: row.attempt }),
      );
  }
  return null;
}

/** What is reported is what happened. */
function disagreement(herd: SimHerd, accepted: Map<string, Accepted>, cancelled: Set<string>): string | null {
  for (const { id, script } of accepted.values()) {
    const row = herd.engine?.state.tables.instances.get(id);
    if (!row) return `lost: ${id}`;
    if (row.status === 'CANCELLED') {
      if (!cancelled.has(id)) return `cancelled by nobody: ${id}`;
    } else if (script.failsToStart) {
      if (row.status !== 'FAILED' || row.reason?.code !== 'WORKDIR_NOT_FOUND')
        return `wrong end of a failed start: ${id} ${row.status} ${row.reason?.code}`;
    } else if (row.exitCode !== script.code || row.status !== (script.code === 0 ? 'COMPLETED' : 'FAILED')) {
      return `wrong end: ${id} ${row.status} ${row.exitCode}, ran ${script.code}`;
    }
    if (row.log && !row.log.archived) return `log not archived: ${id}`;
  }
  return null;
}

/** Records go when the head has them; nothing runs that has ended. */
function leftovers(herd: SimHerd): string | null {
  for (const worker of herd.workers) {
    if (worker.disk.processes.size > 0)
      return `left on ${worker.id}: ${[...worker.disk.processes.keys()].join(', ')}`;
  }
  const held = herd.engine?.state.tables.reservations.size ?? 0;
  return held > 0 ? `${held} reservations left` : null;
}
