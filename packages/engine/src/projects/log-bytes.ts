/**
 * The bytes of the logs that the archive keeps for each project. Counted from the first time that a quota asks for it: once
 * through all that the store has, for all projects in one go, and from then on with every change. Logs of attempts that
 * were replaced are not among them.
 */
import type { Ports } from '../ports.ts';
import { decodeRow } from '../state/codec.ts';
import type { InstanceRow } from '../state/rows.ts';
import type { Change, State } from '../state/state.ts';

const PAGE_ROWS = 2_000;
const ENDED = ['COMPLETED', 'FAILED', 'CANCELLED'];
const AGAIN_MS = 60_000;

interface Log {
  readonly project: string;
  readonly bytes: number;
}

export class LogBytes {
  readonly #state: State;
  readonly #ports: Ports;
  readonly #of = new Map<string, number>();
  /** The instances that have changed while the store was being read; null: it is not. */
  #changed: Set<string> | null = null;
  #isCounted = false;

  constructor(state: State, ports: Ports) {
    this.#state = state;
    this.#ports = ports;
  }

  /** Null while they are being counted, and before anybody has asked for it. */
  of(project: string): number | null {
    return this.#isCounted ? (this.#of.get(project) ?? 0) : null;
  }

  /** Counts them; once is enough. Until all are counted no quota is held against them. */
  begin(): void {
    if (this.#changed || this.#isCounted) return;
    this.#state.onChange((change) => this.#observe(change));
    this.#count();
  }

  #count(): void {
    this.#changed = new Set();
    this.#read().catch((err: unknown) => {
      this.#ports.log.warn({ err }, 'could not count the logs of the projects yet; trying again');
      this.#ports.clock.after(AGAIN_MS, () => this.#count());
    });
  }

  #observe({ collection, id, before, after }: Change): void {
    if (collection !== 'instances') return;
    const had = logOf(before as InstanceRow | undefined);
    const has = logOf(after as InstanceRow | undefined);
    if (had?.bytes === has?.bytes) return;
    // Before all are counted, what has changed is added with the rest.
    this.#changed?.add(id);
    if (!this.#isCounted) return;
    this.#add(had, -1);
    this.#add(has, 1);
  }

  #add(log: Log | null, times: 1 | -1): void {
    if (log) this.#of.set(log.project, (this.#of.get(log.project) ?? 0) + times * log.bytes);
  }

  async #read(): Promise<void> {
    const { store } = this.#ports;
    const found = new Map<string, Log>();
    await this.#state.durableUnlessStalled(this.#state.rev);
    let beforeSeq: number | undefined;
    for (;;) {
      const page = await store.page({
        collection: 'instances',
        statuses: ENDED,
        limit: PAGE_ROWS,
        ...(beforeSeq !== undefined && { beforeSeq }),
      });
      for (const stored of page) {
        beforeSeq = stored.seq;
        const log = logOf(decodeRow<InstanceRow>('instances', stored));
        if (log) found.set(stored.id, log);
      }
      if (page.length < PAGE_ROWS) break;
    }
    // What has changed meanwhile is in memory, or gone.
    for (const id of this.#changed ?? []) {
      const now = logOf(this.#state.tables.instances.get(id));
      if (now) found.set(id, now);
      else found.delete(id);
    }
    for (const log of found.values()) this.#add(log, 1);
    this.#changed = null;
    this.#isCounted = true;
  }
}

function logOf(row: InstanceRow | undefined): Log | null {
  if (!row?.log?.archived) return null;
  return { project: row.project, bytes: row.log.size - row.log.available };
}
