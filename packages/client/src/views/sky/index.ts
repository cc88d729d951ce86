/**
 * The names of SkyPilot's Python SDK in TypeScript: what waits returns a promise, keyword arguments are one object,
 * names are in camelCase, None is null; the keys of records are the seed's own. A call gives the id of its request,
 * and {@link get} what came of it, in any process. Held to the seed by `signature.test.ts`. `jobs` and `serve` are not
 * there yet: managed jobs and services are another issue's.
 */

export { Dag } from '../../task/dag.ts';
export type { AutostopOptions, JobRecoveryOptions } from '../../task/options.ts';
export type { SomeResources } from '../../task/some-resources.ts';
export { type RunFunction, Task, type TaskInit } from '../../task/task.ts';
export {
  autostop,
  down,
  type ExecOptions,
  exec,
  type Launched,
  type LaunchOptions,
  launch,
  type StartOptions,
  type StatusOptions,
  start,
  status,
  stop,
} from './clusters.ts';
export { ClusterStatus, JobStatus, OptimizeTarget, StatusRefreshMode } from './enums.ts';
export * from './exceptions.ts';
export * as exceptions from './exceptions.ts';
export { type CancelOptions, cancel, downloadLogs, jobStatus, queue, tailLogs } from './jobs.ts';
export type { OutputStream } from './output.ts';
export type { ClusterHandle, ClusterRecord, JobRecord, NodeHandle, RequestRecord } from './records.ts';
export type { RequestId } from './request-id.ts';
export { apiCancel, apiStatus, get, type StreamOptions, streamAndGet } from './requests.ts';
export { Resources, type ResourcesOptions } from './resources.ts';
export { type ApiInfo, apiInfo, apiLogin, apiServerLogs, apiStart, apiStop } from './server.ts';
