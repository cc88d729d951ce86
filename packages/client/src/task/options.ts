/** What `Resources` takes, and the same in the words of a task file, which the parser of core reads. */
import type { ResourcesSpec } from '@drover/core/wire';

/** Each field as in a task file; null and absent: nothing is asked. */
export interface ResourcesOptions {
  /** `pool/lab`, `local`, `ssh/lab`, `fake/demo/region/zone`, or only the kind. Excludes cloud, region and zone. */
  readonly infra?: string | null | undefined;
  readonly cloud?: string | null | undefined;
  readonly region?: string | null | undefined;
  readonly zone?: string | null | undefined;
  readonly instanceType?: string | null | undefined;
  /** Cores: `4`, or `'4+'` for at least so many. */
  readonly cpus?: number | string | null | undefined;
  /** GiB: `16`, `'16+'`, `'512MB'`; `'4x'`: four for each core. */
  readonly memory?: number | string | null | undefined;
  /** `'A100:8'`; a map of several is any of them, a list is ordered. */
  readonly accelerators?:
    | string
    | readonly string[]
    | Readonly<Record<string, number | null>>
    | null
    | undefined;
  readonly acceleratorArgs?: Readonly<Record<string, unknown>> | null | undefined;
  readonly useSpot?: boolean | null | undefined;
  readonly jobRecovery?: string | JobRecoveryOptions | null | undefined;
  readonly imageId?: string | Readonly<Record<string, string>> | null | undefined;
  /** GiB, or with a unit. */
  readonly diskSize?: number | string | null | undefined;
  readonly diskTier?: ResourcesSpec['diskTier'] | undefined;
  readonly networkTier?: ResourcesSpec['networkTier'] | undefined;
  readonly ports?: number | string | readonly (number | string)[] | null | undefined;
  readonly labels?: Readonly<Record<string, string>> | null | undefined;
  /** Minutes, or a time such as `'1h'`. */
  readonly autostop?: boolean | number | string | AutostopOptions | null | undefined;
  readonly priority?: number | null | undefined;
}

export interface JobRecoveryOptions {
  readonly strategy?: string | null | undefined;
  readonly maxRestartsOnErrors?: number | undefined;
  readonly recoverOnExitCodes?: number | readonly number[] | undefined;
}

export interface AutostopOptions {
  readonly idleMinutes?: number | string | undefined;
  readonly down?: boolean | undefined;
  readonly waitFor?: 'jobs_and_ssh' | 'jobs' | 'none' | undefined;
}

const snakeCase = (word: string): string => word.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
/** Their keys are fields too; those of all others are the user's. */
const NESTED = new Set(['jobRecovery', 'autostop']);

/** In the words of a task file; what is undefined is left out. */
export function fieldsOf(options: object): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(options)) {
    if (value === undefined) continue;
    const isNested = NESTED.has(key) && typeof value === 'object' && value !== null;
    fields[snakeCase(key)] = isNested ? fieldsOf(value as object) : value;
  }
  return fields;
}

/** The options that ask for just this. */
export function optionsOf(spec: ResourcesSpec): ResourcesOptions {
  const amount = (of: ResourcesSpec['cpus'], unit = '') =>
    of === null ? null : `${of.amount}${unit}${of.atLeast ? '+' : ''}`;
  const { accelerators, jobRecovery, autostop, labels } = spec;
  return {
    cloud: spec.infra,
    region: spec.region,
    zone: spec.zone,
    instanceType: spec.instanceType,
    cpus: amount(spec.cpus),
    memory: amount(spec.memoryGiB, 'GiB'),
    accelerators: accelerators === null ? null : { [accelerators.name]: accelerators.count },
    useSpot: spec.useSpot,
    jobRecovery,
    imageId: spec.imageId,
    diskSize: spec.diskSizeGiB,
    diskTier: spec.diskTier,
    networkTier: spec.networkTier,
    ports: spec.ports.length === 0 ? null : spec.ports,
    labels: Object.keys(labels).length === 0 ? null : labels,
    autostop,
    priority: spec.priority,
  };
}
