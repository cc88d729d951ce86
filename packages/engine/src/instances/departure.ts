/**
 * What a deleted instance leaves behind, once its deletion is durable: its archived logs go, and its worker may forget
 * its record. A worker that cannot be told now is told when it reports the record: a tombstone remembers that this was a
 * deletion, so that the record does not look like one of another head.
 */
import { SYSTEM } from '../actor.ts';
import { logKey } from '../logs/key.ts';
import type { Ports } from '../ports.ts';
import type { InstanceRow, TombstoneRow, WorkerRow } from '../state/rows.ts';
import type { State } from '../state/state.ts';
import type { Transaction } from '../state/transaction.ts';
import type { Links } from '../workers/links.ts';

/** After so long a worker has removed such a record by itself. */
const TOMBSTONE_MS = 30 * 86_400_000;

const tombstoneId = (instance: string, attempt: number): string => `${instance}/${attempt}`;

export const isBuried = (tx: Transaction, instance: string, attempt: number): boolean =>
  tx.get('tombstones', tombstoneId(instance, attempt)) !== undefined;

/** Written with the deletion of a record that its worker may still hold: in the same commit, so that no crash parts them. */
export function bury(tx: Transaction, row: InstanceRow, nowMs: number): void {
  if (row.workerId === null || row.attempt === 0 || !tx.get('workers', row.workerId)) return;
  buryOn(tx, { instance: row.id, attempt: row.attempt }, { id: row.workerId, project: row.project }, nowMs);
}

/** What is given up with its worker: should it come back with it, it is told to stop it. */
export function buryOn(
  tx: Transaction,
  ref: { readonly instance: string; readonly attempt: number },
  worker: Pick<WorkerRow, 'id' | 'project'>,
  nowMs: number,
): void {
  tx.put('tombstones', {
    id: tombstoneId(ref.instance, ref.attempt),
    project: worker.project,
    name: null,
    status: 'BURIED',
    owner: `workers/${worker.id}`,
    createdMs: nowMs,
  });
}

/** The worker's inventory is known: what it does not hold any more needs no stone. `present` null: nothing unexpected. */
export function clearTombstones(
  tx: Transaction,
  workerId: string,
  present: ReadonlySet<string> | null,
): void {
  for (const stone of tx.ownedBy('tombstones', `workers/${workerId}`)) {
    if (!present?.has(stone.id)) tx.delete('tombstones', stone.id);
  }
}

/** Called now and then: those go that are very old, and those whose worker has said that it was told. */
export function sweepTombstones(state: State, ports: Ports, links: Links): void {
  const now = ports.clock.wallMs();
  const isDone = (stone: TombstoneRow): boolean => {
    const ageMs = now - stone.createdMs;
    const link = links.get(stone.owner?.replace(/^workers\//, '') ?? '');
    const toldMs = link?.forgets.get(stone.id);
    return ageMs > TOMBSTONE_MS || (link !== undefined && toldMs !== undefined && toldMs < link.confirmedMs);
  };
  const done = [...state.tables.tombstones.all()].filter(isDone);
  for (const link of links.all())
    for (const [tag, toldMs] of link.forgets) if (toldMs < link.confirmedMs) link.forgets.delete(tag);
  const gone = [...state.tables.identities.all()].filter(
    ({ deletedMs }) => deletedMs != null && now - deletedMs > TOMBSTONE_MS,
  );
  if (done.length + gone.length === 0 || state.stalled !== null) return;
  state.transact(SYSTEM, (tx) => {
    for (const { id } of gone) tx.delete('identities', id);
    for (const stone of done) tx.delete('tombstones', stone.id);
  });
}

/** Follows durable deletions. */
export function startDepartures(state: State, ports: Ports, links: Links): void {
  state.subscribe(({ changes }) => {
    for (const change of changes) {
      if (change.collection !== 'instances' || change.after || !change.before) continue;
      const row = change.before as InstanceRow;
      for (let attempt = 1; attempt <= row.attempt; attempt++) {
        const key = logKey(row.id, attempt);
        const failed = (err: unknown): void =>
          ports.log.warn({ key, err }, 'could not delete an archived log');
        ports.blobs.delete(key).catch(failed);
      }
      const link = row.workerId === null ? undefined : links.get(row.workerId);
      if (link && row.attempt > 0) links.forget(link, row.id, row.attempt);
    }
  });
}
