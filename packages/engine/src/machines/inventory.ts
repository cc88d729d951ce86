/**
 * Controller, keyed by infra: reads the provider's list and brings the rows in line with it. Machines with our tag that
 * no row knows are shown, and removed only where that is the policy.
 */
import { SYSTEM } from '../actor.ts';
import type { ProviderMachine } from '../ports.ts';
import { ProviderError } from '../ports.ts';
import type { Controller } from '../reconcile/reconciler.ts';
import type { WorkerRow } from '../state/rows.ts';
import { giveUpWorker } from '../workers/move.ts';
import { goneMachine, type MachineContext } from './controller.ts';
import { recordCreated } from './effects.ts';
import { type Absence, type InventoryStep, planInventory } from './inventory-plan.ts';
import { moveMachine } from './move.ts';
import type { MachineRow } from './row.ts';
import { failMachine } from './service.ts';
import { backOffMs } from './timing.ts';

/** So long after a change of status its outcome is looked for often. */
const EAGER_MS = 60_000;
/** How exact timers are. */
const TIMER_MS = 20;

export interface InventoryOptions {
  readonly herd: string;
  /** What becomes of a machine with our tag that no record knows: `report` shows it, `remove` removes it. */
  readonly unknownMachines: 'report' | 'remove';
}

export class Inventory {
  readonly #context: MachineContext;
  readonly #options: InventoryOptions;
  readonly #absences = new Map<string, ReadonlyMap<string, Absence>>();
  readonly #unknown = new Map<string, readonly ProviderMachine[]>();
  /** How often, and since when, an unknown machine was seen. */
  readonly #unknownSeen = new Map<string, Absence>();
  readonly #errors = new Map<string, ProviderError>();
  readonly #failures = new Map<string, number>();
  readonly #running = new Set<string>();
  /** When the next look is due, by the monotonic clock. */
  readonly #dueMs = new Map<string, number>();
  readonly #timerMs = new Map<string, number>();

  constructor(context: MachineContext, options: InventoryOptions) {
    this.#context = context;
    this.#options = options;
  }

  /** Machines with our tag that no record knows. */
  unknownOn(infra: string): readonly ProviderMachine[] {
    return this.#unknown.get(infra) ?? [];
  }

  /** Why the last look failed; null when it did not. */
  errorOf(infra: string): ProviderError | null {
    return this.#errors.get(infra) ?? null;
  }

  /** Looks at once when it is next asked. */
  hurry(infra: string): void {
    this.#dueMs.delete(infra);
  }

  controller(poke: (infra: string) => void): Controller {
    const { state, ports } = this.#context;
    return {
      name: 'inventory',
      watches: ({ collection, before, after }) => {
        if (collection === 'workers') {
          // Its machine may have stopped: its provider knows.
          const worker = after as WorkerRow | undefined;
          const isLost =
            worker?.status !== 'ONLINE' && (before as WorkerRow | undefined)?.status === 'ONLINE';
          if (!worker?.machine || !isLost) return [];
          this.hurry(worker.place);
          return [worker.place];
        }
        const now = after as MachineRow | undefined;
        if (collection !== 'machines' || !now || (before as MachineRow | undefined)?.status === now.status)
          return [];
        if (now.status !== 'GONE') this.hurry(now.infra);
        return [now.infra];
      },
      *all() {
        for (const provider of ports.providers?.all() ?? []) yield provider.infra;
        for (const row of state.tables.machines.all()) yield row.infra;
      },
      reconcile: (infra) => {
        const nowMs = ports.clock.monoMs();
        const queue = this.#context.effects.queue(infra);
        const leftMs = Math.max((this.#dueMs.get(infra) ?? 0) - nowMs, queue.pausedMs);
        if (this.#running.has(infra)) return undefined;
        if (leftMs > 0) return this.#timer(infra, nowMs, leftMs);
        const provider = ports.providers?.get(infra);
        if (!provider) return undefined;
        this.#running.add(infra);
        this.#look(infra)
          .catch((err: unknown) => ports.log.error({ infra, err }, 'an inventory failed'))
          .finally(() => {
            this.#running.delete(infra);
            poke(infra);
          });
        return undefined;
      },
    };
  }

  /** One timer per infra: @returns the wait, or nothing where an earlier one is set. */
  #timer(infra: string, nowMs: number, leftMs: number): number | undefined {
    const set = this.#timerMs.get(infra) ?? 0;
    // One that is about to fire may be firing now: timers come early by a little.
    if (set > nowMs + TIMER_MS && set <= nowMs + leftMs) return undefined;
    this.#timerMs.set(infra, nowMs + leftMs);
    return leftMs;
  }

  async #look(infra: string): Promise<void> {
    const { state, ports, timing, effects } = this.#context;
    const provider = ports.providers?.get(infra);
    if (!provider) return;
    const beganMs = ports.clock.monoMs();
    const rowsOf = (): MachineRow[] => [...state.tables.machines.all()].filter((row) => row.infra === infra);
    const blurred = new Set(rowsOf().flatMap((row) => (effects.isBusy(row) ? [row.id] : [])));
    let listed: readonly ProviderMachine[];
    try {
      listed = await provider.list();
    } catch (error) {
      this.#failed(infra, error);
      return;
    }
    this.#errors.delete(infra);
    this.#failures.delete(infra);
    const rows = rowsOf();
    for (const row of rows)
      if (effects.isBusy(row) || effects.endedMs(row.id) > beganMs || row.status === 'WANTED')
        blurred.add(row.id);
    const nowMs = ports.clock.monoMs();
    const plan = planInventory(
      {
        herd: this.#options.herd,
        rows,
        listed,
        absences: this.#absences.get(infra) ?? new Map(),
        blurred,
        isExact: provider.listing === 'exact',
        nowMs,
        wallMs: ports.clock.wallMs(),
      },
      timing,
    );
    this.#absences.set(infra, plan.absences);
    for (const step of plan.steps) this.#apply(infra, step);
    this.#noteUnknown(infra, plan.unknown, nowMs);
    this.#dueMs.set(infra, nowMs + this.#nextMs(infra, rowsOf(), ports.clock.wallMs()));
  }

  #failed(infra: string, error: unknown): void {
    const { ports, timing, effects } = this.#context;
    const failures = (this.#failures.get(infra) ?? 0) + 1;
    this.#failures.set(infra, failures);
    const known =
      error instanceof ProviderError
        ? error
        : new ProviderError('TRANSIENT', String(error), { cause: error });
    if (known.failure === 'RATE_LIMITED') effects.queue(infra).pause(known.retryAfterMs);
    if (failures === 1)
      ports.log.warn({ infra, err: error }, 'cannot read the list of machines; trying again');
    this.#errors.set(infra, known);
    this.#dueMs.set(infra, ports.clock.monoMs() + backOffMs(timing, failures));
  }

  /** Often while something waits for the list, and seldom where there is nothing. */
  #nextMs(infra: string, rows: readonly MachineRow[], wallMs: number): number {
    const { timing } = this.#context;
    const waits = rows.filter(
      (row) =>
        row.status === 'STOPPING' ||
        row.status === 'TERMINATING' ||
        row.status === 'CREATING' ||
        (row.status === 'FAILED' && row.mayExist),
    );
    const removes = this.#options.unknownMachines === 'remove' && this.unknownOn(infra).length > 0;
    if (removes || waits.some((row) => wallMs - row.sinceMs < EAGER_MS)) return timing.listFastMs;
    return rows.some((row) => row.status !== 'GONE') ? timing.listMs : timing.listIdleMs;
  }

  #apply(infra: string, step: InventoryStep): void {
    const { state, ports, timing, byWorker } = this.#context;
    if (step.do === 'remove') {
      ports.log.warn({ infra, tag: step.tag }, 'a machine that was gone is listed again; removing it');
      this.#remove(infra, step.tag);
      return;
    }
    const now = ports.clock.wallMs();
    state.transact(SYSTEM, (tx) => {
      const row = tx.get('machines', step.row.id);
      // It has moved on while the list was under way.
      if (!row || row.status !== step.row.status) return;
      switch (step.do) {
        case 'adopt':
          recordCreated(tx, row, step.seen, now, timing);
          return;
        case 'note': {
          const note = step.seen.note;
          const reason =
            note === null || row.status === 'READY'
              ? row.reason
              : { code: row.reason?.code ?? row.status, message: note };
          tx.put('machines', { ...row, address: step.seen.address, reason });
          return;
        }
        case 'stopped': {
          const worker = row.workerId === null ? undefined : tx.get('workers', row.workerId);
          const reason = { code: 'MACHINE_STOPPED', message: 'its machine is stopped' };
          if (worker && worker.status !== 'OFFLINE')
            giveUpWorker(tx, worker, byWorker.of(worker.id), now, reason);
          const billedBeforeMs =
            row.billedBeforeMs + (row.billedFromMs === null ? 0 : now - row.billedFromMs);
          moveMachine(tx, row, 'stopped', now, { billedBeforeMs, billedFromMs: null });
          return;
        }
        case 'restart':
          moveMachine(tx, row, 'start', now, { deadlineMs: now + timing.joinMs });
          return;
        case 'gone':
          goneMachine(this.#context, tx, row, now);
          return;
        case 'lost': {
          const failed = failMachine(tx, row, now, { code: step.code, message: step.message }, false);
          goneMachine(this.#context, tx, failed, now);
        }
      }
    });
  }

  /** Shown always; removed only where that is the policy, and not on the first sight. */
  #noteUnknown(infra: string, unknown: readonly ProviderMachine[], nowMs: number): void {
    const { ports, timing } = this.#context;
    this.#unknown.set(infra, unknown);
    for (const machine of unknown) {
      const key = `${infra} ${machine.tag}`;
      const before = this.#unknownSeen.get(key);
      const seen = { times: (before?.times ?? 0) + 1, sinceMs: before?.sinceMs ?? nowMs };
      this.#unknownSeen.set(key, seen);
      if (!before)
        ports.log.warn({ infra, machine }, 'a machine carries the tag of this herd, and no record knows it');
      const isSure = seen.times >= timing.absentTimes && nowMs - seen.sinceMs >= timing.absentMs;
      if (isSure && this.#options.unknownMachines === 'remove' && machine.status !== 'terminating')
        this.#remove(infra, machine.tag);
    }
  }

  #remove(infra: string, tag: string): void {
    const { ports, effects } = this.#context;
    effects.queue(infra).add('inventory', `remove ${tag}`, async () => {
      await ports.providers
        ?.get(infra)
        ?.terminate(tag)
        .catch((err: unknown) =>
          ports.log.warn({ infra, tag, err }, 'cannot remove a machine; trying again'),
        );
    });
  }
}
