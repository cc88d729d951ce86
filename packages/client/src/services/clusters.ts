import type {
  AutostopSpec,
  ClusterView,
  CostView,
  ExecBodyInput,
  LaunchBodyInput,
  PlanView,
  RequestView,
  ResourcesChoice,
  StartBodyInput,
} from '@drover/core/wire';
import { segment } from '../transport/target.ts';
import type { Transport } from '../transport/transport.ts';
import type { CallOptions } from './options.ts';
import { RequestFuture } from './request-future.ts';
import type { Requests } from './requests.ts';

/** What a launch or an exec gives: the number of its job, null when nothing was to run; and its cluster. */
export interface Launched {
  readonly jobId: number | null;
  /** Null after a dry run. */
  readonly cluster: string | null;
}

export interface RequestOptions extends CallOptions {
  /** Your own id for the request (a UUID), for a call that must happen once across processes. */
  readonly requestId?: string | undefined;
  /** The command in words, shown as the cluster's last use. */
  readonly command?: string | undefined;
}

/**
 * `client.clusters`. Long operations give a {@link RequestFuture} as soon as they are accepted; what they throw then
 * comes out of its `get`. Calls that name a cluster throw CLUSTER_NOT_FOUND at once.
 */
export class Clusters {
  readonly #transport: Transport;
  readonly #requests: Requests;

  constructor(transport: Transport, requests: Requests) {
    this.#transport = transport;
    this.#requests = requests;
  }

  /**
   * Nodes, files, setup, then a job in the queue. Files are sent before: see `Task.toSpec`.
   * @throws {DroverError} INVALID_REQUEST, RESOURCES_MISMATCH, CLUSTER_NOT_UP, TOO_MANY_REQUESTS; later RESOURCES_UNAVAILABLE, NO_INFRA, COMMAND_FAILED
   */
  async launch(body: LaunchBodyInput, options: RequestOptions = {}): Promise<RequestFuture<Launched>> {
    return await this.#start<Launched>('/v1/clusters/launch', body, options);
  }

  /** Working directory and run only, on a cluster that is UP. @throws {DroverError} CLUSTER_NOT_FOUND, CLUSTER_NOT_UP, RESOURCES_MISMATCH */
  async exec(
    name: string,
    body: ExecBodyInput,
    options: RequestOptions = {},
  ): Promise<RequestFuture<Launched>> {
    return await this.#start<Launched>(`/v1/clusters/${segment(name)}/exec`, body, options);
  }

  /** Starts it again, where it was. @throws {DroverError} CLUSTER_NOT_FOUND; later RESOURCES_UNAVAILABLE */
  async start(
    name: string,
    body: StartBodyInput = {},
    options: RequestOptions = {},
  ): Promise<RequestFuture<{ cluster: string }>> {
    return await this.#start<{ cluster: string }>(`/v1/clusters/${segment(name)}/start`, body, options);
  }

  /** Ends what runs; homes stay. @throws {DroverError} CLUSTER_NOT_FOUND, NOT_SUPPORTED */
  async stop(name: string, options: { purge?: boolean } & RequestOptions = {}): Promise<RequestFuture<null>> {
    const { purge = false, ...rest } = options;
    return await this.#start<null>(`/v1/clusters/${segment(name)}/stop`, { purge }, rest);
  }

  /** Ends it and removes all that it left. @throws {DroverError} CLUSTER_NOT_FOUND */
  async down(name: string, options: { purge?: boolean } & RequestOptions = {}): Promise<RequestFuture<null>> {
    const { purge = false, ...rest } = options;
    return await this.#start<null>(`/v1/clusters/${segment(name)}/down`, { purge }, rest);
  }

  async #start<T>(path: string, body: unknown, options: RequestOptions): Promise<RequestFuture<T>> {
    const headers: Record<string, string> = {
      'idempotency-key': options.requestId ?? crypto.randomUUID(),
    };
    if (options.command !== undefined) headers['drover-command'] = headerText(options.command);
    const view = await this.#transport.json<RequestView>({
      method: 'POST',
      path,
      body,
      headers,
      repeat: 'always',
      signal: options.signal,
    });
    return new RequestFuture<T>(this.#requests, view.id);
  }

  /** Null cancels what is set. @throws {DroverError} CLUSTER_NOT_FOUND, CLUSTER_NOT_UP, NOT_SUPPORTED */
  async autostop(
    name: string,
    autostop: (Partial<AutostopSpec> & Pick<AutostopSpec, 'idleMinutes'>) | null,
    options: CallOptions = {},
  ): Promise<ClusterView> {
    return await this.#transport.json<ClusterView>({
      method: 'PUT',
      path: `/v1/clusters/${segment(name)}/autostop`,
      body: { autostop },
      repeat: 'always',
      signal: options.signal,
    });
  }

  /** Those that are there, oldest first; names that do not exist are left out. `refresh` `force` asks their infra first. */
  async list(
    filter: {
      names?: readonly string[] | undefined;
      refresh?: 'none' | 'auto' | 'force' | undefined;
      allUsers?: boolean | undefined;
    } = {},
    options: CallOptions = {},
  ): Promise<ClusterView[]> {
    if (filter.names?.length === 0) return [];
    const { items } = await this.#transport.json<{ items: ClusterView[] }>({
      path: '/v1/clusters',
      query: { name: filter.names, refresh: filter.refresh, allUsers: filter.allUsers },
      repeat: 'always',
      signal: options.signal,
    });
    return items;
  }

  /** @throws {DroverError} CLUSTER_NOT_FOUND */
  async get(name: string, options: CallOptions = {}): Promise<ClusterView> {
    return await this.#transport.json<ClusterView>({
      path: `/v1/clusters/${segment(name)}`,
      repeat: 'always',
      signal: options.signal,
    });
  }

  /** What a launch would consider now. */
  async plan(
    wish: {
      resources?: ResourcesChoice | null | undefined;
      numNodes?: number | undefined;
      optimize?: 'cost' | 'time' | undefined;
    } = {},
    options: CallOptions = {},
  ): Promise<PlanView> {
    return await this.#transport.json<PlanView>({
      method: 'POST',
      path: '/v1/plan',
      body: { resources: wish.resources ?? null, numNodes: wish.numNodes, optimize: wish.optimize },
      repeat: 'always',
      signal: options.signal,
    });
  }

  /** What clusters have cost, those that are gone too. @param days 0: all that is kept */
  async costReport(days = 30, options: CallOptions = {}): Promise<{ items: CostView[]; total: number }> {
    return await this.#transport.json({
      path: '/v1/cost-report',
      query: { days },
      repeat: 'always',
      signal: options.signal,
    });
  }
}

/** Header values are bytes of Latin-1 without line ends. */
const headerText = (text: string): string => text.replace(/[^\x20-\x7e]/g, '?').slice(0, 500);
