/**
 * Workers that fail whatever they are given. A worker on which several starts in a row came to nothing, by no doing of
 * their commands, gets nothing new for a while; then one start may show that it is well again. Soft state: a head that
 * starts anew tries once more.
 */
import type { Clock, Logger } from '../ports.ts';
import type { InstanceRow } from '../state/rows.ts';
import type { State } from '../state/state.ts';

/** So many in a row, of different instances. */
const FAILURES = 5;
const PAUSE_MS = { first: 60_000, most: 600_000 } as const;

/** Ends that are the machine's doing. What names a place or a file of the user's is not among them. */
const OF_THE_MACHINE: ReadonlySet<string> = new Set(['START_FAILED', 'NO_PORT', 'NO_FREE_PORT', 'DISK_FULL']);
/** Too much for one process to be given: of the command, on any machine. */
const TOO_LONG = /E2BIG/;

interface Record {
  readonly failed: Set<string>;
  trips: number;
  /** Nothing new until then, by the monotonic clock. */
  untilMs: number;
  why: string;
}

export class Breaker {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #records = new Map<string, Record>();
  /** Called when a worker is given nothing more, or something again. */
  onChange: (workerId: string) => void = () => undefined;

  constructor(state: State, clock: Clock, log: Logger) {
    this.#clock = clock;
    this.#log = log;
    state.onChange((change) => {
      if (change.collection === 'workers' && !change.after) this.#records.delete(change.id);
      if (change.collection !== 'instances') return;
      const before = change.before as InstanceRow | undefined;
      const after = change.after as InstanceRow | undefined;
      if (after && before && after.status !== before.status) this.#observe(after);
    });
  }

  /** Why the worker gets nothing new now; null: it does. */
  why(workerId: string): string | null {
    const record = this.#records.get(workerId);
    return record && record.untilMs > this.#clock.monoMs() ? record.why : null;
  }

  #observe(row: InstanceRow): void {
    const { workerId } = row;
    if (workerId === null) return;
    if (row.status === 'RUNNING' || row.status === 'COMPLETED') {
      this.#records.delete(workerId);
      return;
    }
    if (row.status !== 'FAILED' || row.exitCode !== null || !OF_THE_MACHINE.has(row.reason?.code ?? ''))
      return;
    if (TOO_LONG.test(row.reason?.message ?? '')) return;
    const record = this.#records.get(workerId) ?? { failed: new Set(), trips: 0, untilMs: 0, why: '' };
    // It was under way when the worker was paused.
    if (record.untilMs > this.#clock.monoMs()) return;
    record.failed.add(row.id);
    this.#records.set(workerId, record);
    // Once tripped, the first that fails after the pause is enough.
    if (record.failed.size >= (record.trips > 0 ? 1 : FAILURES)) this.#trip(workerId, record, row);
  }

  #trip(workerId: string, record: Record, row: InstanceRow): void {
    const pauseMs = Math.min(PAUSE_MS.first * 2 ** record.trips, PAUSE_MS.most);
    record.why = `gets nothing new for ${pauseMs / 1000} s: ${record.trips > 0 ? 'it still fails' : `${record.failed.size} starts in a row came to nothing there`} (${row.reason?.message ?? '?'})`;
    record.trips += 1;
    record.untilMs = this.#clock.monoMs() + pauseMs;
    record.failed.clear();
    this.#log.warn({ worker: workerId, pauseMs, reason: row.reason }, 'a worker fails whatever it is given');
    this.onChange(workerId);
    this.#clock.after(pauseMs, () => this.onChange(workerId));
  }
}
