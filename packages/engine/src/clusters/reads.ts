/** What is asked about clusters, beside the rows themselves: plans, lists, costs. */

import { DroverError } from '@drover/core';
import type { ClusterView, CostView, ExecBody, LaunchBody, PlanView } from '@drover/core/wire';
import { type Actor, userOf } from '../actor.ts';
import { typesFor, whyNone } from '../infra/choice.ts';
import type { InfraService } from '../infra/infra-service.ts';
import { blocksOf, consideredTable, type Plan, plan } from '../infra/optimize.ts';
import type { Ports } from '../ports.ts';
import type { RequestRow } from '../requests/row.ts';
import type { RequestService } from '../requests/service.ts';
import type { Scheduler } from '../scheduler/scheduler.ts';
import type { State } from '../state/state.ts';
import { isUser } from './admins-only.ts';
import { whyNoMatch } from './match.ts';
import type { ClusterRow } from './row.ts';
import type { ClusterService } from './service.ts';
import { viewCluster, viewCost } from './view.ts';

const DAY_MS = 86_400_000;

export interface PlanWish {
  readonly resources?: LaunchBody['task']['resources'] | undefined;
  readonly numNodes: number;
  readonly optimize: 'cost' | 'time';
  readonly blocked?: LaunchBody['task']['blockedResources'];
}

export class ClusterReads {
  readonly #state: State;
  readonly #ports: Ports;
  readonly #scheduler: Scheduler;
  readonly #infra: InfraService;
  readonly #clusters: ClusterService;
  readonly #requests: RequestService;

  constructor(parts: {
    readonly state: State;
    readonly ports: Ports;
    readonly scheduler: Scheduler;
    readonly infra: InfraService;
    readonly clusters: ClusterService;
    readonly requests: RequestService;
  }) {
    this.#state = parts.state;
    this.#ports = parts.ports;
    this.#scheduler = parts.scheduler;
    this.#infra = parts.infra;
    this.#clusters = parts.clusters;
    this.#requests = parts.requests;
  }

  /** What a launch would consider now. Catalogues that have not been read yet are waited for. */
  async plan(actor: Actor, wish: PlanWish): Promise<PlanView> {
    const { planned, closed, noInfra } = await this.#consider(actor, wish);
    const chosen = planned.candidates[0];
    return {
      table: consideredTable(planned, wish.numNodes),
      feasible: chosen !== undefined,
      whyNot: noInfra === null ? [...planned.whyNot, ...closed] : [noInfra],
      chosen: chosen
        ? {
            infra: chosen.machine.infra,
            region: chosen.machine.region,
            zone: chosen.machine.zone,
            type: chosen.machine.type,
            pricePerHour: chosen.pricePerHour,
          }
        : null,
    };
  }

  async #consider(
    actor: Actor,
    wish: PlanWish,
  ): Promise<{ planned: Plan; closed: readonly string[]; noInfra: string | null }> {
    const resources = wish.resources ?? null;
    const forUser = isUser(actor);
    if (typesFor(this.#infra, resources, forUser).waitsFor !== null) await this.#infra.refresh();
    const { types, closed } = typesFor(this.#infra, resources, forUser);
    const blocks = blocksOf(wish.blocked ?? []);
    const planned = plan(resources, wish.numNodes, types, wish.optimize, blocks, (name) =>
      this.#infra.isShared(name),
    );
    const noInfra = types.length === 0 ? whyNone(this.#infra, resources, forUser) : null;
    return { planned, closed, noInfra };
  }

  /** A launch that ends before anything is done: a request with the table in its log. */
  async dryrun(actor: Actor, body: LaunchBody, foreign: RequestRow['foreign'] = null): Promise<RequestRow> {
    const { task } = body;
    const wish = { verb: 'launch', cluster: body.cluster ?? null, foreign };
    const existing = body.cluster ? this.#clusters.find(actor, body.cluster) : undefined;
    if (existing && existing.nodes.length > 0) {
      const why = whyNoMatch(existing, task.resources, task.numNodes);
      const error = new DroverError('RESOURCES_MISMATCH', { ref: existing.name, rule: why ?? '' });
      const lines = [{ text: `Would use cluster ${existing.name}.` }];
      return this.#requests.record(actor, wish, why ? { error } : { result: NOTHING }, lines);
    }
    const asked = {
      resources: task.resources,
      numNodes: task.numNodes,
      optimize: body.optimize,
      blocked: task.blockedResources,
    };
    const { planned, closed, noInfra } = await this.#consider(actor, asked);
    const lines = [{ text: consideredTable(planned, task.numNodes) }];
    if (planned.candidates.length > 0) return this.#requests.record(actor, wish, { result: NOTHING }, lines);
    const error = noInfra
      ? new DroverError('NO_INFRA', { rule: noInfra })
      : new DroverError('RESOURCES_UNAVAILABLE', {
          rule: `nothing that is known could ever hold it: ${[...planned.whyNot, ...closed].join('; ')}`,
          failoverHistory: [],
        });
    return this.#requests.record(actor, wish, { error }, lines);
  }

  /** @throws {DroverError} CLUSTER_NOT_FOUND, CLUSTER_NOT_UP */
  dryrunExec(actor: Actor, name: string, body: ExecBody, foreign: RequestRow['foreign'] = null): RequestRow {
    const cluster = this.#clusters.getUp(actor, name);
    const why = whyNoMatch(cluster, body.task.resources, body.task.numNodes);
    const wish = { verb: 'exec', clusterId: cluster.id, cluster: name, foreign };
    const error = new DroverError('RESOURCES_MISMATCH', { ref: name, rule: why ?? '' });
    return this.#requests.record(actor, wish, why ? { error } : { result: NOTHING });
  }

  /** Newest last. Names that do not exist are left out. `force` asks the infra first. */
  async list(
    actor: Actor,
    wish: { readonly names: readonly string[] | null; readonly refresh: string; readonly allUsers: boolean },
  ): Promise<ClusterView[]> {
    if (wish.refresh === 'force') await this.#infra.refresh(undefined, { force: true });
    const user = userOf(actor).id;
    const rows = [...this.#state.tables.clusters.all()].filter(
      (row) =>
        row.status !== 'TERMINATED' &&
        row.project === actor.project &&
        (wish.names === null || wish.names.includes(row.name)) &&
        (wish.allUsers || row.user.id === user),
    );
    await this.#state.durableUnlessStalled(this.#state.rev);
    const summarise = this.#scheduler.summariser();
    return rows
      .sort((a, b) => a.seq - b.seq)
      .map((row) => viewCluster(this.#state, summarise, this.#state.tables.clusters.get(row.id) ?? row));
  }

  /** Clusters that held nodes within so many days, those that are gone too; newest first. 0: all that are kept. */
  costs(actor: Actor, days: number): CostView[] {
    return this.costsWithRows(actor, days).map(({ cost }) => cost);
  }

  /** As {@link costs}, each with its cluster. */
  costsWithRows(actor: Actor, days: number): { readonly row: ClusterRow; readonly cost: CostView }[] {
    const now = this.#ports.clock.wallMs();
    const since = days === 0 ? 0 : now - days * DAY_MS;
    return [...this.#state.tables.clusters.all()]
      .filter((row) => row.project === actor.project && row.usage.some((each) => (each.toMs ?? now) >= since))
      .sort((a, b) => b.seq - a.seq)
      .map((row) => ({ row, cost: viewCost(row, now) }));
  }
}

const NOTHING = { jobId: null, cluster: null };
