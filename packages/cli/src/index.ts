/** The command line. The composition root calls {@link main} and lends it head and worker. */
export type { HeadRun, Hooks, WorkerRun } from './call.ts';
export { main } from './main.ts';
