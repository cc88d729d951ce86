/** The lease: a lock that lives as long as the session which took it. One head holds it, and only that one writes. */
import { StoreError } from '@drover/engine';
import { leaseKey, type PostgresAddress } from './address.ts';
import type { Connection } from './connection.ts';

/** Another head has the lease. `holder` names it: host and process, address, since when. */
export class LeaseHeld extends StoreError {
  readonly holder: string;
  constructor(label: string, holder: string) {
    super('busy', `The store ${label} is in use by another head: ${holder}.`);
    this.holder = holder;
  }
}

/**
 * Takes the lease for this session.
 * @param ours server processes of earlier sessions of this same head: one that lingers there is ended
 * @throws {LeaseHeld}
 */
export async function takeLease(
  connection: Connection,
  address: PostgresAddress,
  ours: ReadonlySet<number>,
): Promise<void> {
  const key = leaseKey(address.schema);
  const [[taken] = []] = await connection.query('SELECT pg_try_advisory_lock($1::int, $2::int)', key);
  if (taken === true) return;
  const found = await connection.query(
    `SELECT lock.pid, coalesce(who.application_name, '?'), coalesce(host(who.client_addr), 'the same machine'), who.backend_start
     FROM pg_locks lock LEFT JOIN pg_stat_activity who ON who.pid = lock.pid
     WHERE lock.locktype = 'advisory' AND lock.granted AND lock.objsubid = 2
       AND lock.classid = $1::bigint::oid AND lock.objid = $2::bigint::oid
       AND lock.database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
    key,
  );
  const [pid, name, from, since] = found[0] ?? [];
  if (typeof pid === 'number' && ours.has(pid))
    await connection.query('SELECT pg_terminate_backend($1)', [pid]);
  const start = since instanceof Date ? `, since ${since.toISOString()}` : '';
  throw new LeaseHeld(
    address.label,
    found.length === 0 ? 'it has just gone' : `${String(name)}, connected from ${String(from)}${start}`,
  );
}
