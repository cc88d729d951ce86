/** What people do with the jobs of a cluster: list, cancel, ask how they ended. */
import { DroverError, type JobStatus } from '@drover/core';
import { type Actor, userOf } from '../actor.ts';
import type { ClusterRow } from '../clusters/row.ts';
import type { Ports } from '../ports.ts';
import type { State } from '../state/state.ts';
import { cancelJob } from './move.ts';
import type { JobRow } from './row.ts';

export interface JobFilter {
  readonly skipFinished?: boolean;
  readonly allUsers?: boolean;
}

export class JobService {
  readonly #state: State;
  readonly #ports: Ports;

  constructor(state: State, ports: Ports) {
    this.#state = state;
    this.#ports = ports;
  }

  /** Jobs with a number, newest first. */
  list(actor: Actor, cluster: ClusterRow, filter: JobFilter = {}): JobRow[] {
    const { skipFinished = false, allUsers = true } = filter;
    const owner = `clusters/${cluster.id}`;
    const rows = skipFinished ? this.#state.liveJobs.of(owner) : this.#state.tables.jobs.ownedBy(owner);
    const user = userOf(actor).id;
    return rows
      .filter((row) => row.number !== null && (allUsers || row.user.id === user))
      .sort((a, b) => (b.number ?? 0) - (a.number ?? 0));
  }

  find(cluster: ClusterRow, number: number): JobRow | undefined {
    return this.#state.tables.jobs.ownedBy(`clusters/${cluster.id}`).find((row) => row.number === number);
  }

  /** @param number null: the newest that there is @throws {DroverError} JOB_NOT_FOUND */
  get(cluster: ClusterRow, number: number | null): JobRow {
    const row =
      number === null
        ? this.#state.tables.jobs.ownedBy(`clusters/${cluster.id}`).findLast((each) => each.number !== null)
        : this.find(cluster, number);
    if (!row) throw new DroverError('JOB_NOT_FOUND', { cluster: cluster.name, ref: number ?? 'yet' });
    return row;
  }

  /** Null for one that does not exist. Without numbers: the newest; `{null: null}` in the words of SkyPilot when there is none. */
  statuses(cluster: ClusterRow, numbers: readonly number[] | null): Map<number | null, JobStatus | null> {
    const answer = new Map<number | null, JobStatus | null>();
    if (numbers !== null) {
      for (const number of numbers) answer.set(number, null);
      for (const { number, status } of this.#state.tables.jobs.ownedBy(`clusters/${cluster.id}`))
        if (answer.has(number)) answer.set(number, status);
      return answer;
    }
    const newest = this.#state.tables.jobs
      .ownedBy(`clusters/${cluster.id}`)
      .findLast((each) => each.number !== null);
    answer.set(newest?.number ?? null, newest?.status ?? null);
    return answer;
  }

  /**
   * Asks them to end. Numbers that do not exist or have ended are passed over.
   * Neither numbers nor `all`: the newest of the caller's that has not ended.
   * @returns the numbers of those that are ending
   */
  cancel(
    actor: Actor,
    cluster: ClusterRow,
    which: { readonly numbers: readonly number[] | null; readonly all: boolean; readonly allUsers: boolean },
  ): number[] {
    this.#state.assertWritable();
    const user = userOf(actor);
    const live = this.#state.liveJobs
      .of(`clusters/${cluster.id}`)
      .filter((row) => row.number !== null && row.cancel === null);
    const mine = live.filter((row) => row.user.id === user.id);
    const { numbers, all, allUsers } = which;
    let chosen: JobRow[];
    const named = new Set<number | null>(numbers);
    if (named.size > 0) chosen = live.filter((row) => named.has(row.number));
    else if (allUsers) chosen = live;
    else if (all) chosen = mine;
    else chosen = mine.slice(-1);
    if (chosen.length === 0) return [];
    const now = this.#ports.clock.wallMs();
    this.#state.transact(actor, (tx) => {
      for (const row of chosen) cancelJob(tx, tx.get('jobs', row.id) ?? row, user.name, now);
    });
    return chosen.map((row) => row.number ?? 0);
  }
}
