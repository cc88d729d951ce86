/** Calls to providers: begun only when the row that says so is durable, and their outcome recorded in the row. */
import { SYSTEM } from '../actor.ts';
import { type Ports, ProviderError, type ProviderMachine, type ProviderPort } from '../ports.ts';
import type { State } from '../state/state.ts';
import { moveMachine } from './move.ts';
import type { Effect } from './plan.ts';
import { ProviderQueue } from './queue.ts';
import type { MachineRow } from './row.ts';
import { failMachine } from './service.ts';
import { backOffMs, type MachineTiming } from './timing.ts';

/** The same call can succeed later, of itself. */
const PASSES = new Set(['RATE_LIMITED', 'TRANSIENT']);

export class MachineEffects {
  readonly #state: State;
  readonly #ports: Ports;
  readonly #timing: MachineTiming;
  readonly #tokenFor: (row: MachineRow) => string;
  readonly #onSettled: (id: string) => void;
  readonly #queues = new Map<string, ProviderQueue>();
  /** When the next try of a machine is due, by the monotonic clock. */
  readonly #dueMs = new Map<string, number>();
  /** When the last call for a machine ended, by the monotonic clock. */
  readonly #endedMs = new Map<string, number>();

  /**
   * @param tokenFor makes a join token for the machine, within this turn
   * @param onSettled a call has ended: the machine is to be looked at again
   */
  constructor(
    state: State,
    ports: Ports,
    timing: MachineTiming,
    tokenFor: (row: MachineRow) => string,
    onSettled: (id: string) => void,
  ) {
    this.#state = state;
    this.#ports = ports;
    this.#timing = timing;
    this.#tokenFor = tokenFor;
    this.#onSettled = onSettled;
  }

  queue(infra: string): ProviderQueue {
    const queue = this.#queues.get(infra) ?? new ProviderQueue(this.#ports.clock);
    this.#queues.set(infra, queue);
    return queue;
  }

  isBusy(row: MachineRow): boolean {
    return this.#queues.get(row.infra)?.has(row.id) === true;
  }

  pauseMs(id: string): number {
    return Math.max(0, (this.#dueMs.get(id) ?? 0) - this.#ports.clock.monoMs());
  }

  /** When its last call ended, by the monotonic clock; 0 when there was none since the start. */
  endedMs(id: string): number {
    return this.#endedMs.get(id) ?? 0;
  }

  /** Another step begins: it has had no tries. */
  forget(id: string): void {
    this.#dueMs.delete(id);
  }

  begin(row: MachineRow, effect: Effect): void {
    const queue = this.queue(row.infra);
    queue.add(row.requestedBy, row.id, async () => {
      await this.#run(row.id, effect, queue);
      this.#endedMs.set(row.id, this.#ports.clock.monoMs());
      // When the queue has let go of it.
      this.#ports.clock.defer(() => this.#onSettled(row.id));
    });
  }

  async #run(id: string, effect: Effect, queue: ProviderQueue): Promise<void> {
    const joinUrl = effect === 'create' ? await this.#ports.providers?.joinUrl() : '';
    const row = this.#state.tables.machines.get(id);
    const provider = row && this.#ports.providers?.get(row.infra);
    // What was wanted may have changed while the call waited for its turn.
    if (!row || !provider || !isDue(row, effect)) return;
    // The intent first: after a crash it is known that this may have happened.
    this.#state.transact(SYSTEM, (tx) =>
      tx.put('machines', {
        ...row,
        attempts: row.attempts + 1,
        mayExist: row.mayExist || effect === 'create',
      }),
    );
    const token = effect === 'create' ? this.#tokenFor(row) : '';
    await new Promise<void>((resolve) => this.#state.whenDurable(this.#state.rev, resolve));
    try {
      const made = await this.#bounded(
        effect === 'create'
          ? provider.create({
              tag: row.tag,
              type: row.type,
              region: row.region,
              zone: row.zone,
              spot: row.spot,
              name: row.name ?? row.id,
              join: { url: joinUrl ?? '', token },
              maxPricePerHour: row.maxPricePerHour,
            })
          : provider[effect](row.tag).then(() => null),
      );
      queue.resume();
      this.#succeeded(id, effect, made);
    } catch (error) {
      this.#failed(id, effect, error, provider, queue);
    }
  }

  /** A call that hangs has an unknown outcome after a while, and must not hold its place for ever. */
  async #bounded<T>(call: Promise<T>): Promise<T> {
    return await new Promise<T>((resolve, reject) => {
      const { callMs } = this.#timing;
      const timer = this.#ports.clock.after(callMs, () =>
        reject(new ProviderError('TRANSIENT', `no answer within ${Math.round(callMs / 1000)} s`)),
      );
      call.then(resolve, reject).finally(() => timer.cancel());
    });
  }

  #succeeded(id: string, effect: Effect, made: ProviderMachine | null): void {
    const now = this.#ports.clock.wallMs();
    this.#state.transact(SYSTEM, (tx) => {
      const row = tx.get('machines', id);
      if (!row) return;
      if (effect === 'create' && made && row.status === 'CREATING') {
        recordCreated(tx, row, made, now, this.#timing);
        this.forget(id);
      } else if (effect === 'start' && row.status === 'STARTING') {
        const reason = { code: 'STARTED', message: 'it runs; its worker is awaited' };
        tx.put('machines', { ...row, reason, billedFromMs: row.billedFromMs ?? now });
      } else {
        // Whether it has stopped or gone is told by the list; until then it is asked again, with patience.
        this.#later(id, row.attempts);
      }
    });
  }

  #failed(id: string, effect: Effect, error: unknown, provider: ProviderPort, queue: ProviderQueue): void {
    const failure = error instanceof ProviderError ? error.failure : 'TRANSIENT';
    const message = error instanceof Error ? error.message : String(error);
    const { infra } = provider;
    this.#ports.log.warn({ machine: id, infra, effect, failure, err: error }, 'a provider has refused');
    if (failure === 'RATE_LIMITED') queue.pause(error instanceof ProviderError ? error.retryAfterMs : null);
    const now = this.#ports.clock.wallMs();
    this.#state.transact(SYSTEM, (tx) => {
      const row = tx.get('machines', id);
      if (!row || row.status === 'GONE') return;
      this.#later(id, row.attempts);
      const reason = { code: failure, message };
      const isLate = !isDue(row, effect);
      // An earlier try whose outcome is unknown may have made it, whatever this one says.
      if (!isLate && !PASSES.has(failure) && effect === 'create')
        failMachine(tx, row, now, reason, row.attempts > 1);
      else if (!isLate && !PASSES.has(failure) && effect === 'start') failMachine(tx, row, now, reason, true);
      else tx.put('machines', { ...row, reason });
    });
  }

  #later(id: string, attempts: number): void {
    this.#dueMs.set(id, this.#ports.clock.monoMs() + backOffMs(this.#timing, attempts));
  }
}

/** The provider has made it: from now on it costs, and its worker is awaited. */
export function recordCreated(
  tx: Parameters<typeof moveMachine>[0],
  row: MachineRow,
  made: ProviderMachine,
  nowMs: number,
  timing: MachineTiming,
): void {
  moveMachine(tx, row, 'created', nowMs, {
    providerId: made.id,
    address: made.address,
    mayExist: true,
    billedFromMs: row.billedFromMs ?? nowMs,
    deadlineMs: nowMs + timing.joinMs,
    reason: { code: 'JOINING', message: 'it exists; its worker is awaited' },
  });
}

/** Whether the row still asks for this. */
function isDue(row: MachineRow, effect: Effect): boolean {
  switch (effect) {
    case 'create':
      return row.status === 'CREATING' && row.desired !== 'GONE';
    case 'start':
      return row.status === 'STARTING';
    case 'stop':
      return row.status === 'STOPPING';
    case 'terminate':
      return row.status === 'TERMINATING' || (row.status === 'FAILED' && row.mayExist);
  }
}
