/** Clusters, their jobs and the requests that wait for them, put together. */
import type { InfraService } from '../infra/infra-service.ts';
import { jobController } from '../jobs/controller.ts';
import { JobLogs } from '../jobs/logs.ts';
import { JobService } from '../jobs/service.ts';
import type { LogService } from '../logs/service.ts';
import type { MachineService } from '../machines/service.ts';
import type { Ports } from '../ports.ts';
import type { ProjectService } from '../projects/service.ts';
import type { Controller } from '../reconcile/reconciler.ts';
import { RequestCancel } from '../requests/cancel.ts';
import { requestController } from '../requests/controller.ts';
import { RequestLogs } from '../requests/log.ts';
import { RequestReads } from '../requests/reads.ts';
import { startRequestRetention } from '../requests/retention.ts';
import { RequestService } from '../requests/service.ts';
import type { Scheduler } from '../scheduler/scheduler.ts';
import type { State } from '../state/state.ts';
import { clusterController, waitingClusters } from './controller.ts';
import { ClusterReads } from './reads.ts';
import { ClusterService } from './service.ts';

export interface ClusterParts {
  readonly state: State;
  readonly ports: Ports;
  readonly scheduler: Scheduler;
  readonly infra: InfraService;
  readonly machines: MachineService;
  readonly logs: LogService;
  readonly projects: ProjectService;
  readonly poke: (controller: Controller, key: string) => void;
}

export interface Clusters {
  readonly clusters: ClusterService;
  readonly reads: ClusterReads;
  readonly jobs: JobService;
  readonly jobLogs: JobLogs;
  readonly requests: RequestService;
  readonly requestReads: RequestReads;
  readonly requestLogs: RequestLogs;
  readonly requestCancel: RequestCancel;
  /** In the order in which one turn goes through them. */
  readonly controllers: readonly Controller[];
}

export function makeClusters(parts: ClusterParts): Clusters {
  const { state, ports, scheduler, infra, machines, logs, projects } = parts;
  const requests = new RequestService(state, ports, projects);
  const requestReads = new RequestReads(state, ports);
  const clusters = new ClusterService(state, ports, requests, projects, infra);
  const controller = clusterController({ state, ports, scheduler, infra, machines, clusters });
  // What an infra has to offer is no row: who waits for it is told.
  const { onCatalogue } = infra;
  infra.onCatalogue = (name) => {
    onCatalogue(name);
    for (const id of waitingClusters(state)) parts.poke(controller, id);
  };
  startRequestRetention(state, ports);
  return {
    clusters,
    reads: new ClusterReads({ state, ports, scheduler, infra, clusters, requests }),
    jobs: new JobService(state, ports),
    jobLogs: new JobLogs(state, logs),
    requests,
    requestReads,
    requestLogs: new RequestLogs(requestReads, logs),
    requestCancel: new RequestCancel(state, ports, requestReads, clusters),
    controllers: [jobController(state, ports), controller, requestController(state, ports)],
  };
}
