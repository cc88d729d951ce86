import type { ProjectPatch, ProjectView } from '@drover/client';

/** The flags of quotas, as commander names them. */
export interface QuotaFlags {
  readonly maxInstances?: number | 'none';
  readonly maxGpus?: number | 'none';
  readonly maxRequests?: number | 'none';
  readonly maxLogMib?: number | 'none';
}

const limitOf = (given: number | 'none'): number | null => (given === 'none' ? null : given);

/** Only those that were given. */
export function quotasOf(flags: QuotaFlags): NonNullable<ProjectPatch['quotas']> {
  const { maxInstances, maxGpus, maxRequests, maxLogMib } = flags;
  return {
    ...(maxInstances !== undefined && { instances: limitOf(maxInstances) }),
    ...(maxGpus !== undefined && { gpus: limitOf(maxGpus) }),
    ...(maxRequests !== undefined && { requests: limitOf(maxRequests) }),
    ...(maxLogMib !== undefined && { logMiB: limitOf(maxLogMib) }),
  };
}

/** `3/8`, or `3` where there is no limit. */
export function usedOf(view: ProjectView, key: keyof ProjectView['quotas']): string {
  const used = view.usage[key];
  const limit = view.quotas[key];
  if (used === null) return limit === null ? '' : `?/${limit}`;
  return limit === null ? String(used) : `${used}/${limit}`;
}
