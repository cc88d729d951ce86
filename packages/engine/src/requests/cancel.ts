/** Cancelling a request cancels what it asked for, as far as that has not happened. */
import { DroverError, isRequestFinal } from '@drover/core';
import { type Actor, userOf } from '../actor.ts';
import type { ClusterRow } from '../clusters/row.ts';
import type { ClusterService } from '../clusters/service.ts';
import { cancelJob } from '../jobs/move.ts';
import type { Ports } from '../ports.ts';
import type { State } from '../state/state.ts';
import type { Transaction } from '../state/transaction.ts';
import type { RequestReads } from './reads.ts';
import type { RequestRow } from './row.ts';
import { openRequests, settleRequest } from './service.ts';

export interface CancelWish {
  /** Ids or their beginnings. */
  readonly refs: readonly string[] | null;
  readonly all: boolean;
  readonly allUsers: boolean;
}

export class RequestCancel {
  readonly #state: State;
  readonly #ports: Ports;
  readonly #reads: RequestReads;
  readonly #clusters: ClusterService;

  constructor(state: State, ports: Ports, reads: RequestReads, clusters: ClusterService) {
    this.#state = state;
    this.#ports = ports;
    this.#reads = reads;
    this.#clusters = clusters;
  }

  /**
   * What has ended already is passed over.
   * @returns the ids of those that were cancelled
   * @throws {DroverError} INVALID_REQUEST when nothing is named, REQUEST_NOT_FOUND, AMBIGUOUS, STORE_FULL
   */
  async cancel(actor: Actor, wish: CancelWish): Promise<string[]> {
    this.#state.assertWritable();
    const { refs, all, allUsers } = wish;
    const rows: RequestRow[] = [];
    if (refs !== null && refs.length > 0)
      for (const ref of refs) rows.push(await this.#reads.resolve(actor, ref));
    else if (all || allUsers) rows.push(...this.#open(actor, allUsers));
    else
      throw new DroverError('INVALID_REQUEST', {
        field: 'ids',
        rule: 'name requests, or say "all" or "allUsers"',
      });
    return this.#state.transact(actor, (tx) => {
      const ids: string[] = [];
      for (const { id } of rows) {
        const row = tx.get('requests', id);
        if (!row || isRequestFinal(row.status)) continue;
        this.#cancelIn(tx, actor, row);
        ids.push(id);
      }
      return ids;
    });
  }

  #open(actor: Actor, allUsers: boolean): RequestRow[] {
    const user = userOf(actor).id;
    return [...this.#state.tables.requests.all()].filter(
      (row) =>
        !isRequestFinal(row.status) && row.project === actor.project && (allUsers || row.user.id === user),
    );
  }

  #cancelIn(tx: Transaction, actor: Actor, row: RequestRow): void {
    const now = this.#ports.clock.wallMs();
    const by = userOf(actor).name;
    const reason = { code: 'CANCELLED', message: `cancelled by ${by}` };
    settleRequest(tx, row, 'cancel', now, { reason });
    const cluster = tx.get('clusters', row.owner?.replace(/^clusters\//, '') ?? '');
    if (!cluster) return;
    const job = row.job === null ? undefined : tx.get('jobs', row.job);
    if (job) cancelJob(tx, job, by, now, `its request was cancelled by ${by}`);
    if (row.verb === 'launch' || row.verb === 'start') this.#takeBack(tx, cluster, by);
    // What stops or tears down goes on: half of it may be done.
  }

  /** A cluster that came up for this alone costs nothing from now on; its homes, as far as there are any, stay. */
  #takeBack(tx: Transaction, cluster: ClusterRow, by: string): void {
    if (cluster.status !== 'INIT' || cluster.desired !== 'UP') return;
    const jobs = tx.ownedBy('jobs', `clusters/${cluster.id}`);
    const isWanted = jobs.some((job) => job.endedMs === null && job.cancel === null);
    if (isWanted || openRequests(this.#state, tx, cluster.id).some((each) => each.verb === 'start')) return;
    const isSpot = cluster.candidate?.spot === true;
    const hadNodes = cluster.nodes.some((node) => node.workerId !== null);
    this.#clusters.endIn(tx, cluster, isSpot || !hadNodes ? 'GONE' : 'STOPPED', by, 'request cancel');
  }
}
