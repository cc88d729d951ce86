/** What a worker's message needs before it can be taken in: rows from the store, and a place for small logs. */
import { hash53, isFinal } from '@drover/core';
import { type AttemptFact, digestLine } from '@drover/core/wire';
import type { InstancesByWorker } from '../instances/index-by-worker.ts';
import { logKey } from '../logs/key.ts';
import type { Ports } from '../ports.ts';
import { decodeRow } from '../state/codec.ts';
import type { InstanceRow } from '../state/rows.ts';
import type { State } from '../state/state.ts';

interface Context {
  readonly state: State;
  readonly ports: Ports;
  readonly byWorker: InstancesByWorker;
}

/** Ended instances that memory has let go are needed again to be compared with. */
export async function recall({ state, ports }: Context, items: readonly AttemptFact[]): Promise<void> {
  for (const item of items) {
    if (state.tables.instances.get(item.instance) !== undefined) continue;
    const stored = await ports.store.get('instances', item.instance);
    if (stored) state.admit('instances', decodeRow<InstanceRow>('instances', stored));
  }
}

/**
 * Puts the small logs that came with reports into the archive, those of replaced attempts too.
 * @returns the `instance/attempt` whose log is durable there
 */
export async function storeInlineLogs(
  { state, ports }: Context,
  workerId: string,
  items: readonly AttemptFact[],
): Promise<Set<string>> {
  const archived = new Set<string>();
  const puts = items.map(async (item) => {
    const row = state.tables.instances.get(item.instance);
    if (!item.inlineLog || !row || item.attempt > row.attempt) return;
    const isCurrent = item.attempt === row.attempt && row.workerId === workerId;
    if (isCurrent ? row.log?.archived : !isRemnant(state, workerId, item)) return;
    try {
      const bytes = ports.random.fromBase64(item.inlineLog);
      const written = await ports.blobs.put(logKey(item.instance, item.attempt), bytes);
      ports.meter?.archived(written);
      archived.add(`${item.instance}/${item.attempt}`);
    } catch (err) {
      const message = 'could not store a log; it stays with its worker until it can be archived';
      ports.log.warn({ instance: item.instance, err }, message);
    }
  });
  await Promise.all(puts);
  return archived;
}

const isRemnant = (state: State, workerId: string, { instance, attempt }: AttemptFact): boolean =>
  state.tables.reservations
    .ownedBy(`workers/${workerId}`)
    .some(({ leftBy }) => leftBy?.instance === instance && leftBy.attempt === attempt);

/** What the worker's inventory must hash to if nothing has happened that this head does not know. */
export function expectedDigest({ state, byWorker }: Context, workerId: string): number {
  const lines: string[] = [];
  for (const id of byWorker.of(workerId)) {
    const row = state.tables.instances.get(id);
    if (row) lines.push(digestLine({ instance: row.id, attempt: row.attempt, phase: phaseOf(row) }));
  }
  return hash53(lines.sort().join('\n'));
}

function phaseOf(row: InstanceRow): AttemptFact['phase'] {
  if (isFinal(row.status)) return row.released ? 'RELEASED' : 'EXITED';
  return row.status === 'RUNNING' ? 'RUNNING' : 'PREPARING';
}
