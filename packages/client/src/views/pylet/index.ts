/**
 * The names of the PyLet API in TypeScript: what waits returns a promise, keyword arguments are one object, names are
 * in camelCase, None is null. Times are seconds and sizes MiB, as there. Held to the seed by `signature.test.ts`.
 */
import * as functions from './functions.ts';
import * as session from './session.ts';

export {
  ConnectionError,
  InstanceFailedError,
  InstanceTerminatedError,
  NotFoundError,
  NotInitializedError,
  PyletError,
  TimeoutError,
  ValueError,
} from './errors.ts';
export {
  delete,
  deleteAll,
  deleteAllOfflineWorkers,
  deleteWorker,
  get,
  instances,
  type NameOrId,
  type SubmitOptions,
  submit,
  workers,
} from './functions.ts';
export { Instance } from './instance.ts';
export {
  Cluster,
  Head,
  type LocalClusterOptions,
  localCluster,
  type StartOptions,
  start,
  Worker,
} from './local.ts';
export { init, isInitialized, shutdown } from './session.ts';
export { WorkerInfo } from './worker-info.ts';

/** The seed's `pylet.aio`: here everything is asynchronous anyway, so it is the same functions. */
export const aio = {
  init: session.init,
  shutdown: session.shutdown,
  isInitialized: session.isInitialized,
  submit: functions.submit,
  get: functions.get,
  instances: functions.instances,
  workers: functions.workers,
  delete: functions.delete,
  deleteAll: functions.deleteAll,
  deleteWorker: functions.deleteWorker,
  deleteAllOfflineWorkers: functions.deleteAllOfflineWorkers,
} as const;
