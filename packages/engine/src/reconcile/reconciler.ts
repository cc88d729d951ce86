/**
 * The one controller loop. A controller says which keys a change concerns (`watches`) and, for a key, compares what is
 * wanted with what is there and acts (`reconcile`). It takes no other input: after a restart every key is queued once,
 * and the path is the ordinary one.
 *
 * Wake-ups for one key are joined. A key that throws is tried again with back-off and disturbs no other. Each turn has
 * a budget.
 */
import type { Clock, Logger, Timer } from '../ports.ts';
import type { Change, State } from '../state/state.ts';

export interface Controller {
  readonly name: string;
  /** The keys that this change concerns. */
  watches(change: Change): readonly string[];
  /** Every key there is, for the start. */
  all(): Iterable<string>;
  /** Brings one key a step closer. Idempotent. May transact. @returns milliseconds after which to look again, or nothing. */
  reconcile(key: string): number | undefined;
}

const TURN_BUDGET = 2_000;
const BACK_OFF_MS = { first: 200, most: 30_000 } as const;

export class Reconciler {
  readonly #state: State;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #queues = new Map<Controller, Set<string>>();
  readonly #failures = new Map<string, number>();
  /** When a key is looked at again: one moment for each, the last that was asked for. */
  readonly #timers = new Map<string, Timer>();

  constructor(state: State, clock: Clock, log: Logger, controllers: readonly Controller[]) {
    this.#state = state;
    this.#clock = clock;
    this.#log = log;
    for (const controller of controllers) this.#queues.set(controller, new Set());
    state.onChange((change) => {
      for (const [controller, queue] of this.#queues)
        for (const key of controller.watches(change)) queue.add(key);
    });
    state.onSeal(() => this.#turn());
  }

  /** Queues every key of every controller: what the path after a restart begins with. */
  start(): void {
    for (const [controller, queue] of this.#queues) for (const key of controller.all()) queue.add(key);
    this.#state.wake();
  }

  /** Looks at one key again, because something outside the rows has changed (a link opened, an upload ended). */
  poke(controller: Controller, key: string): void {
    this.#queues.get(controller)?.add(key);
    this.#state.wake();
  }

  #turn(): boolean {
    const revBefore = this.#state.rev;
    let budget = TURN_BUDGET;
    for (const [controller, queue] of this.#queues) {
      for (const key of queue) {
        if (budget-- <= 0) {
          this.#state.wakeLater();
          return false;
        }
        queue.delete(key);
        this.#reconcile(controller, key);
      }
    }
    return this.#state.rev !== revBefore;
  }

  #reconcile(controller: Controller, key: string): void {
    const id = `${controller.name}/${key}`;
    try {
      const againMs = controller.reconcile(key);
      this.#failures.delete(id);
      if (againMs !== undefined) this.#later(controller, key, id, againMs);
    } catch (error) {
      const failures = (this.#failures.get(id) ?? 0) + 1;
      this.#failures.set(id, failures);
      const againMs = Math.min(BACK_OFF_MS.first * 2 ** (failures - 1), BACK_OFF_MS.most);
      this.#log.error(
        { controller: controller.name, key, failures, err: error },
        'a controller failed for one key',
      );
      this.#later(controller, key, id, againMs);
    }
  }

  #later(controller: Controller, key: string, id: string, delayMs: number): void {
    this.#timers.get(id)?.cancel();
    const timer = this.#clock.after(delayMs, () => {
      if (this.#timers.get(id) === timer) this.#timers.delete(id);
      this.poke(controller, key);
    });
    this.#timers.set(id, timer);
  }
}
