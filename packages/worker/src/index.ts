export { HeadUntrusted, JoinRefused } from './identity.ts';
export { type RunningWorker, startWorker, type WorkerOptions } from './run.ts';
