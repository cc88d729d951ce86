/** The SDK: one Client, one service object for each noun. Node, Bun, Deno and browsers; nothing of `node:` here. */
export {
  DroverError,
  type ErrorCode,
  type ErrorDetails,
  type InstanceStatus,
  isDroverError,
  isFinal,
  type WorkerStatus,
} from '@drover/core';
export type {
  EventView,
  Explanation,
  HeadView,
  InstancePage,
  InstanceSubmitInput,
  InstanceView,
  JoinTokenCreated,
  JoinTokenCreateInput,
  JoinTokenView,
  Reason,
  WorkerView,
} from '@drover/core/wire';
export { Client, type ClientOptions, DEFAULT_HEAD_URL } from './client.ts';
export type { EventOptions, Events } from './services/events.ts';
export type { Head } from './services/head.ts';
export type { InstanceFilter, Instances, PageOptions } from './services/instances.ts';
export type { JoinTokens } from './services/join-tokens.ts';
export type { FollowOptions } from './services/log-follow.ts';
export type { LogOptions } from './services/log-read.ts';
export type { CallOptions, WaitOptions } from './services/options.ts';
export type { Workers } from './services/workers.ts';
