/** The enums of the seed, each value under its name. */

/** INIT: may be live or down, see its reason. */
export const ClusterStatus = { INIT: 'INIT', UP: 'UP', STOPPED: 'STOPPED' } as const;
export type ClusterStatus = (typeof ClusterStatus)[keyof typeof ClusterStatus];

export const JobStatus = {
  INIT: 'INIT',
  PENDING: 'PENDING',
  SETTING_UP: 'SETTING_UP',
  RUNNING: 'RUNNING',
  FAILED_DRIVER: 'FAILED_DRIVER',
  SUCCEEDED: 'SUCCEEDED',
  FAILED: 'FAILED',
  FAILED_SETUP: 'FAILED_SETUP',
  CANCELLED: 'CANCELLED',
} as const;
export type JobStatus = (typeof JobStatus)[keyof typeof JobStatus];

/** What the best of several resources is. */
export const OptimizeTarget = { COST: 'COST', TIME: 'TIME' } as const;
export type OptimizeTarget = (typeof OptimizeTarget)[keyof typeof OptimizeTarget];

/** FORCE asks the infra of each cluster first; AUTO those that are set to change by themselves. */
export const StatusRefreshMode = { NONE: 'NONE', AUTO: 'AUTO', FORCE: 'FORCE' } as const;
export type StatusRefreshMode = (typeof StatusRefreshMode)[keyof typeof StatusRefreshMode];

/** What {@link tailLogs} returns. */
export const JobExitCode = {
  SUCCEEDED: 0,
  FAILED: 100,
  NOT_FINISHED: 101,
  NOT_FOUND: 102,
  CANCELLED: 103,
} as const;
export type JobExitCode = (typeof JobExitCode)[keyof typeof JobExitCode];
