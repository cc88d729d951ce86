/** The SDK: one Client, one service object for each noun. Node, Bun, Deno and browsers; nothing of `node:` here. */
export {
  DroverError,
  type ErrorCode,
  type ErrorDetails,
  type InstanceStatus,
  isDroverError,
  isFinal,
  type Quotas,
  type Role,
  type WorkerStatus,
} from '@drover/core';
export type {
  AuditView,
  AutostopSpec,
  ClusterJobView,
  ClusterView,
  CostView,
  EventView,
  ExecBodyInput,
  Explanation,
  HeadView,
  InfraView,
  InstancePage,
  InstanceSubmitInput,
  InstanceView,
  JoinTokenCreated,
  JoinTokenCreateInput,
  JoinTokenView,
  LaunchBodyInput,
  MachineTypeView,
  MachineView,
  PlanView,
  ProjectCreate,
  ProjectPatch,
  ProjectView,
  Reason,
  RequestView,
  ResourcesChoice,
  SshAccess,
  TaskSpec,
  TokenCreate,
  TokenMade,
  TokenView,
  UserCreate,
  UserPatch,
  UserView,
  Whoami,
  WorkerView,
} from '@drover/core/wire';
export { Client, type ClientOptions, DEFAULT_HEAD_URL } from './client.ts';
export type { Audit, AuditFilter } from './services/audit.ts';
export type { Clusters, Launched, RequestOptions } from './services/clusters.ts';
export type { EventOptions, Events } from './services/events.ts';
export type { Files, SendOptions, SendProgress, SentFiles } from './services/files.ts';
export type { Head } from './services/head.ts';
export type { Infra } from './services/infra.ts';
export type { InstanceFilter, Instances, PageOptions } from './services/instances.ts';
export type { JobLogOptions, Jobs } from './services/jobs.ts';
export type { JoinTokens } from './services/join-tokens.ts';
export type { FollowOptions } from './services/log-follow.ts';
export type { LogOptions } from './services/log-read.ts';
export type { CallOptions, WaitOptions } from './services/options.ts';
export type { Projects } from './services/projects.ts';
export { RequestFuture } from './services/request-future.ts';
export type { RequestChoice, RequestFilter, RequestLogOptions, Requests } from './services/requests.ts';
export type { Tokens } from './services/tokens.ts';
export type { Users } from './services/users.ts';
export type { Workers } from './services/workers.ts';
export { Dag } from './task/dag.ts';
export { type ExecTaskOptions, execTask, type LaunchTaskOptions, launchTask } from './task/launch.ts';
export type { AutostopOptions, JobRecoveryOptions, ResourcesOptions } from './task/options.ts';
export { Resources } from './task/resources.ts';
export type { SomeResources } from './task/some-resources.ts';
export { type RunFunction, type SendFiles, Task, type TaskInit } from './task/task.ts';
export type { TaskFileOptions } from './task/task-file.ts';
