/**
 * The bytes of the logs that the archive keeps for one project. Counted only where a quota asks for it: once through all
 * that the store has, and from then on with every change.
 */
import type { Ports } from '../ports.ts';
import { decodeRow } from '../state/codec.ts';
import type { InstanceRow } from '../state/rows.ts';
import type { State } from '../state/state.ts';

const PAGE_ROWS = 2_000;
const ENDED = ['COMPLETED', 'FAILED', 'CANCELLED'];

export class LogBytes {
  readonly #project: string;
  /** What the store had, by instance; null when it has been added up. */
  #found: Map<string, number> | null = new Map();
  /** What has changed while the store was read: what each had before the first change. */
  readonly #changed = new Map<string, number>();
  #bytes = 0;

  constructor(state: State, ports: Ports, project: string) {
    this.#project = project;
    state.onChange(({ collection, id, before, after }) => {
      if (collection !== 'instances') return;
      const had = this.#bytesOf(before as InstanceRow | undefined);
      const has = this.#bytesOf(after as InstanceRow | undefined);
      if (had === has) return;
      if (this.#found && !this.#changed.has(id)) this.#changed.set(id, had);
      this.#bytes += has - had;
    });
    this.#read(state, ports).catch((err: unknown) =>
      ports.log.error(
        { project, err },
        'could not count the logs of a project: its quota of them is not held',
      ),
    );
  }

  /** Null while they are being counted. */
  get bytes(): number | null {
    return this.#found ? null : this.#bytes;
  }

  #bytesOf(row: InstanceRow | undefined): number {
    if (row?.project !== this.#project || !row.log?.archived) return 0;
    return row.log.size - row.log.available;
  }

  async #read(state: State, ports: Ports): Promise<void> {
    const found = this.#found ?? new Map<string, number>();
    await state.durableUnlessStalled(state.rev);
    let beforeSeq: number | undefined;
    for (;;) {
      const page = await ports.store.page({
        collection: 'instances',
        statuses: ENDED,
        limit: PAGE_ROWS,
        ...(beforeSeq !== undefined && { beforeSeq }),
      });
      for (const stored of page) {
        beforeSeq = stored.seq;
        if (stored.project !== this.#project) continue;
        const bytes = this.#bytesOf(decodeRow<InstanceRow>('instances', stored));
        if (bytes > 0) found.set(stored.id, bytes);
      }
      if (page.length < PAGE_ROWS) break;
    }
    for (const [id, had] of this.#changed) found.set(id, had);
    for (const bytes of found.values()) this.#bytes += bytes;
    this.#found = null;
    this.#changed.clear();
  }
}
