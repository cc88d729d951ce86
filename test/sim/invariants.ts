/**
 * What must hold in every simulated life (B6 of the reliability catalogue). Each says what is wrong, or null. The first
 * ones are asked after every event, the others at the end. They look at the machines, not at the head's books.
 */
import { isFinal } from '@drover/core';
import { decodeRow, type InstanceRow } from '@drover/engine';
import type { SimHerd } from '@drover/testkit';
import type { Accepted, Workload } from './workload.ts';

/** The row from memory, or, once that has let go of it, as it is stored. */
export function rowOf({ engine, store }: SimHerd, id: string): InstanceRow | undefined {
  const live = engine?.state.tables.instances.get(id);
  const stored = live ? null : store.peek('instances', id);
  return stored ? decodeRow<InstanceRow>('instances', stored) : live;
}

/** No worker ever runs more than it has. */
export function overcommitted({ workers }: SimHerd): string | null {
  for (const worker of workers) {
    let cpu = 0;
    for (const process of worker.disk.processes.values())
      if (process.startedAtMs !== null && !process.exit) cpu += process.order.cpu;
    if (cpu > worker.offerCpu) return `overcommitted: ${cpu} of ${worker.offerCpu} cores run on ${worker.id}`;
  }
  return null;
}

/** No attempt begins twice, anywhere; and an instance has a second one only where somebody asked for that. */
export class Starts {
  readonly #seen = new Map<string, string>();
  readonly #counted = new Map<string, number>();

  check(herd: SimHerd, { policies, replaced }: Workload): string | null {
    for (const worker of herd.workers) {
      const { starts } = worker.disk;
      for (let at = this.#counted.get(worker.id) ?? 0; at < starts.length; at++) {
        const start = starts[at] ?? '';
        const [instance = ''] = start.split('/');
        const before = this.#seen.get(instance);
        if (before === start) return `started twice: ${start}`;
        if (before !== undefined && !replaced.has(instance) && policies.get(instance) !== 'replace')
          return `a second attempt that nobody asked for: ${start} after ${before}`;
        this.#seen.set(instance, start);
      }
      this.#counted.set(worker.id, starts.length);
    }
    return null;
  }
}

/** What was seen durable never goes back: attempts, revisions and epochs only grow, an end is an end. */
export class Monotone {
  readonly #seen = new Map<string, InstanceRow>();
  #rev = 0;
  #epoch = 0;

  check({ engine }: SimHerd): string | null {
    if (!engine) return null;
    const { state } = engine;
    if (state.durableRev < this.#rev) return `revision went back: ${this.#rev} -> ${state.durableRev}`;
    if (state.epoch < this.#epoch) return `epoch went back: ${this.#epoch} -> ${state.epoch}`;
    this.#rev = state.durableRev;
    this.#epoch = state.epoch;
    for (const row of state.tables.instances.all()) {
      const before = this.#seen.get(row.id);
      if (before === row) continue;
      if (before && isFinal(before.status) && before.status !== row.status)
        return `moved on from its end: ${row.id} ${before.status} -> ${row.status}`;
      if (before && row.attempt < before.attempt)
        return `attempt went back: ${row.id} ${before.attempt} -> ${row.attempt}`;
      if (row.rev <= this.#rev) this.#seen.set(row.id, row);
    }
    return null;
  }
}

/** Whoever is not running and has not ended has a reason, and a next step. */
export function unexplained({ engine }: SimHerd): string | null {
  for (const row of engine?.state.tables.instances.all() ?? []) {
    if (isFinal(row.status) || row.status === 'RUNNING') continue;
    const { reason, nextStep } = (engine as NonNullable<typeof engine>).views.explanation(row);
    if (!reason || nextStep === '') return `unexplained: ${row.id} ${row.status}`;
  }
  return null;
}

/** What is reported is what happened, as the machines saw it. */
export function disagreement(herd: SimHerd, load: Workload, reboots: number): string | null {
  for (const each of load.accepted.values()) {
    const row = rowOf(herd, each.id);
    const problem = row ? misreported(herd, load, each, row, reboots) : 'lost';
    if (problem !== null)
      return `${problem}: ${each.id}/${row?.attempt} ${row?.status} ${row?.exitCode} ${row?.reason?.code}`;
  }
  return null;
}

function misreported(
  herd: SimHerd,
  load: Workload,
  { id, script, onWorkerLost }: Accepted,
  row: InstanceRow,
  reboots: number,
): string | null {
  const target = row.spec.targetWorker;
  if (row.status === 'PENDING' && target !== null && !herd.engine?.state.tables.workers.get(target))
    return null;
  if (row.log && !row.log.archived) return 'log not archived';
  const code = row.reason?.code;
  if (row.status === 'CANCELLED') return load.cancelled.has(id) ? null : 'cancelled by nobody';
  if (code === 'FORGOTTEN') return load.forgotten.has(id) ? null : 'forgotten by nobody';
  if (code === 'WORKER_DELETED')
    return herd.engine?.state.tables.workers.size === herd.workers.length
      ? 'given up with a worker that nobody deleted'
      : null;
  if (code === 'HEAD_LOST') return onWorkerLost === 'stop' ? null : 'stopped by its worker without asking';
  if (code === 'NOT_STARTED') return onWorkerLost === 'stop' ? null : 'withdrawn without asking';
  if (code === 'MACHINE_REBOOTED')
    return reboots > 0 && onWorkerLost !== 'replace' ? null : 'lost with a machine, wrongly';
  // Five in a row: docs/limits.md.
  if (code === 'TOO_MANY_LOSSES')
    return onWorkerLost === 'replace' && row.attempt >= 5 ? null : 'given up after too few losses';
  const worker = herd.workers.find(({ id: each }) => each === row.workerId);
  const isKilled = worker?.disk.killed.includes(`${id}/${row.attempt}`);
  // Why, is lost when the worker's disk fails and the worker then dies.
  if (onWorkerLost === 'stop' && isKilled && row.status === 'FAILED') return null;
  // EIO at the start is an honest failure.
  if (code === 'START_FAILED') return null;
  if (script.failsToStart)
    return row.status === 'FAILED' && code === 'WORKDIR_NOT_FOUND' ? null : 'wrong end of a failed start';
  if (worker?.disk.completed.get(`${id}/${row.attempt}`) !== script.code)
    return 'the witness did not see this end';
  const status = script.code === 0 ? 'COMPLETED' : 'FAILED';
  return row.exitCode === script.code && row.status === status ? null : 'wrong end';
}

/** Archived logs hold what the command wrote. */
export async function damagedLog(herd: SimHerd, load: Workload): Promise<string | null> {
  for (const { id } of load.accepted.values()) {
    const row = rowOf(herd, id);
    if (!row?.log?.archived || row.log.size === 0) continue;
    const bytes = await herd.blobs.read(`log/${id}/${row.attempt}`, 0, 1_000);
    let text = '';
    for await (const part of bytes ?? []) text += Buffer.from(part).toString();
    if (text !== `start ${id}/${row.attempt}\n`) return `damaged log: ${id}: ${JSON.stringify(text)}`;
  }
  return null;
}

/** Records go when the head has them; nothing runs that has ended, and nothing is held for it. */
export function leftovers(herd: SimHerd): string | null {
  for (const worker of herd.workers) {
    if (worker.disk.processes.size > 0)
      return `left on ${worker.id}: ${[...worker.disk.processes.keys()].join(', ')}`;
  }
  return leftReservations(herd);
}

export function leftReservations({ engine }: SimHerd): string | null {
  const held = [...(engine?.state.tables.reservations.all() ?? [])].filter(({ status }) => status === 'HELD');
  const words = held.map((row) => `${row.status} ${row.owner} ${JSON.stringify(row.leftBy)}`);
  return held.length > 0 ? `reservations left: ${words.join(', ')}` : null;
}
