/** What each project has now, as its quotas count it. Kept up with every change, in the change's own turn. */
import { isFinal, isRequestFinal } from '@drover/core';
import type { ClusterRow } from '../clusters/row.ts';
import type { RequestRow } from '../requests/row.ts';
import type { InstanceRow } from '../state/rows.ts';
import type { State } from '../state/state.ts';

/** Instances that were submitted and have not ended, and nodes that clusters have or want; the GPUs of both; open requests. */
export interface Usage {
  readonly instances: number;
  readonly gpus: number;
  readonly requests: number;
}
const NONE: Usage = { instances: 0, gpus: 0, requests: 0 };

export class UsageCounts {
  readonly #of = new Map<string, Usage>();

  constructor(state: State) {
    const { instances, clusters, requests } = state.tables;
    for (const row of instances.all()) this.#add(row.project, ofInstance(row), 1);
    for (const row of clusters.all()) this.#add(row.project, ofCluster(row), 1);
    for (const row of requests.all()) this.#add(row.project, ofRequest(row), 1);
    state.onChange(({ collection, before, after }) => {
      if (collection === 'instances') this.#change(before, after, (row) => ofInstance(row as InstanceRow));
      else if (collection === 'clusters') this.#change(before, after, (row) => ofCluster(row as ClusterRow));
      else if (collection === 'requests') this.#change(before, after, (row) => ofRequest(row as RequestRow));
    });
  }

  get(project: string): Usage {
    return this.#of.get(project) ?? NONE;
  }

  #change<Row extends { readonly project: string }>(
    before: Row | undefined,
    after: Row | undefined,
    of: (row: Row) => Usage,
  ): void {
    if (before) this.#add(before.project, of(before), -1);
    if (after) this.#add(after.project, of(after), 1);
  }

  #add(project: string, what: Usage, times: 1 | -1): void {
    if (what === NONE) return;
    const now = this.get(project);
    this.#of.set(project, {
      instances: now.instances + times * what.instances,
      gpus: now.gpus + times * what.gpus,
      requests: now.requests + times * what.requests,
    });
  }
}

/** What jobs made runs on nodes that are counted already. */
function ofInstance(row: InstanceRow): Usage {
  if (row.owner !== null || isFinal(row.status)) return NONE;
  return { instances: 1, gpus: row.spec.resources.gpus, requests: 0 };
}

/** A stopped one holds nothing, and counts again when it starts. */
function ofCluster(row: ClusterRow): Usage {
  if (!holdsNodes(row)) return NONE;
  return { instances: row.numNodes, gpus: row.numNodes * gpusPerNode(row), requests: 0 };
}

/** It has nodes, or is to have them: one that has failed to get any holds nothing until it is launched again. */
export const holdsNodes = (row: Pick<ClusterRow, 'desired' | 'failure' | 'nodes'>): boolean =>
  (row.desired === 'UP' && row.failure === null) || row.nodes.some((node) => node.reservation !== null);

/** Of the candidate that was chosen; before that the most that any choice asks for. */
export function gpusPerNode(row: Pick<ClusterRow, 'candidate' | 'resources'>): number {
  if (row.candidate) return row.candidate.perNode.gpus;
  return Math.max(0, ...(row.resources?.choices ?? []).map((choice) => choice.accelerators?.count ?? 0));
}

const ofRequest = (row: RequestRow): Usage =>
  isRequestFinal(row.status) ? NONE : { instances: 0, gpus: 0, requests: 1 };
