/** What people and programs see of each noun: rows with what is known beside them now. */
import { isFinal } from '@drover/core';
import type {
  ClusterJobView,
  ClusterView,
  Explanation,
  InfraView,
  InstanceView,
  MachineView,
  RequestView,
  WorkerView,
} from '@drover/core/wire';
import type { ClusterRow } from './clusters/row.ts';
import { viewCluster, viewClusterJob } from './clusters/view.ts';
import type { InfraService } from './infra/infra-service.ts';
import { explainInstance } from './instances/explain.ts';
import { reasoner } from './instances/reasons.ts';
import { viewInstance } from './instances/view.ts';
import { queuePlaces } from './jobs/queue.ts';
import type { JobRow } from './jobs/row.ts';
import type { MachineRow } from './machines/row.ts';
import { viewInfra, viewMachine } from './machines/view.ts';
import type { Clock } from './ports.ts';
import type { RequestRow } from './requests/row.ts';
import { viewRequest } from './requests/view.ts';
import type { Scheduler } from './scheduler/scheduler.ts';
import type { InstanceRow, WorkerRow } from './state/rows.ts';
import type { State } from './state/state.ts';
import type { Links } from './workers/links.ts';
import { viewWorker } from './workers/view.ts';

export interface Seen {
  readonly state: State;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly links: Links;
  readonly infra: InfraService;
}

export class Views {
  readonly #seen: Seen;

  constructor(seen: Seen) {
    this.#seen = seen;
  }

  /** Several at once cost less: the queue is summed up once. */
  instances(rows: readonly InstanceRow[]): InstanceView[] {
    const reason = reasoner(this.#seen.state, this.#seen.scheduler);
    return rows.map((row) => viewInstance(row, reason(row)));
  }

  instance(row: InstanceRow): InstanceView {
    const { state, scheduler } = this.#seen;
    return viewInstance(row, isFinal(row.status) ? row.reason : reasoner(state, scheduler)(row));
  }

  /** Why it is as it is, and what happens next. */
  explanation(row: InstanceRow): Explanation {
    const { state, scheduler } = this.#seen;
    return explainInstance(state, scheduler, row, this.instance(row));
  }

  worker(row: WorkerRow): WorkerView {
    const { scheduler, links, clock } = this.#seen;
    return viewWorker(row, scheduler.ledger, links, clock.wallMs(), clock.monoMs());
  }

  cluster(row: ClusterRow): ClusterView {
    return viewCluster(this.#seen.state, this.#seen.scheduler.summariser(), row);
  }

  clusterJobs(cluster: ClusterRow, rows: readonly JobRow[]): ClusterJobView[] {
    const place = queuePlaces(this.#seen.state, cluster);
    return rows.map((row) => viewClusterJob(cluster, row, place.get(row.id) ?? 0));
  }

  clusterJob(cluster: ClusterRow, row: JobRow): ClusterJobView {
    return this.clusterJobs(cluster, [row])[0] as ClusterJobView;
  }

  request(row: RequestRow): RequestView {
    return viewRequest(this.#seen.state, row);
  }

  machine(row: MachineRow): MachineView {
    return viewMachine(row, this.#seen.clock.wallMs());
  }

  infra(): InfraView[] {
    return this.#seen.infra.describe().map(viewInfra);
  }
}
