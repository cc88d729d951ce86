import type { ProjectPatch, ProjectView } from '@drover/client';

/** The flags of quotas, as commander names them. */
export interface QuotaFlags {
  readonly maxInstances?: number | null;
  readonly maxGpus?: number | null;
  readonly maxRequests?: number | null;
  readonly maxLogMib?: number | null;
}

/** Only those that were given. */
export function quotasOf(flags: QuotaFlags): NonNullable<ProjectPatch['quotas']> {
  const { maxInstances, maxGpus, maxRequests, maxLogMib } = flags;
  return {
    ...(maxInstances !== undefined && { instances: maxInstances }),
    ...(maxGpus !== undefined && { gpus: maxGpus }),
    ...(maxRequests !== undefined && { requests: maxRequests }),
    ...(maxLogMib !== undefined && { logMiB: maxLogMib }),
  };
}

/** `3/8`, or `3` where there is no limit. */
export function usedOf(view: ProjectView, key: keyof ProjectView['quotas']): string {
  const used = view.usage[key];
  const limit = view.quotas[key];
  if (used === null) return limit === null ? '' : `?/${limit}`;
  return limit === null ? String(used) : `${used}/${limit}`;
}
