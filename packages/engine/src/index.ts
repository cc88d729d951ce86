export { type Actor, DEFAULT_PROJECT, SYSTEM, workerActor } from './actor.ts';
export { Engine, type EngineOptions } from './engine.ts';
export { hostPort } from './instances/view.ts';
export type { LogRequest } from './logs/service.ts';
export type { Arrival } from './logs/streams.ts';
export * from './ports.ts';
export type { InstanceRow, WorkerRow } from './state/rows.ts';
export type { Timing } from './workers/liveness.ts';
export type { WorkerSession } from './workers/session.ts';
