import { Field, parseResources } from '@drover/core/task';
import type { ResourcesChoice, ResourcesSpec } from '@drover/core/wire';
import { fieldsOf, optionsOf, type ResourcesOptions } from './options.ts';

const NOTHING = { use_spot: false };

/**
 * What each node of a task must have. Checked when it is made, and never changed: {@link copy} makes another.
 * @throws {DroverError} INVALID_TASK, with `details.field`
 */
export class Resources {
  readonly infra: string | null;
  readonly cloud: string | null;
  readonly region: string | null;
  readonly zone: string | null;
  readonly instanceType: string | null;
  readonly cpus: number | string | null;
  readonly memory: number | string | null;
  readonly accelerators: NonNullable<ResourcesOptions['accelerators']> | null;
  readonly useSpot: boolean;
  readonly jobRecovery: NonNullable<ResourcesOptions['jobRecovery']> | null;
  readonly imageId: NonNullable<ResourcesOptions['imageId']> | null;
  readonly diskSize: number | string | null;
  readonly diskTier: ResourcesSpec['diskTier'];
  readonly networkTier: ResourcesSpec['networkTier'];
  readonly ports: NonNullable<ResourcesOptions['ports']> | null;
  readonly labels: Readonly<Record<string, string>> | null;
  readonly autostop: NonNullable<ResourcesOptions['autostop']> | null;
  readonly priority: number | null;
  /** As it travels: several choices where several accelerators are named. */
  readonly choice: ResourcesChoice;
  readonly #options: ResourcesOptions;

  constructor(options: ResourcesOptions = {}) {
    const own = structuredClone(options) as ResourcesOptions;
    const fields = { ...NOTHING, ...fieldsOf(own) };
    const choice = parseResources(Field.of(fields, 'sdk', ['resources']));
    this.choice = deepFrozen(choice as ResourcesChoice);
    this.infra = own.infra ?? null;
    this.cloud = own.cloud ?? null;
    this.region = own.region ?? null;
    this.zone = own.zone ?? null;
    this.instanceType = own.instanceType ?? null;
    this.cpus = own.cpus ?? null;
    this.memory = own.memory ?? null;
    this.accelerators = own.accelerators ?? null;
    this.useSpot = own.useSpot ?? false;
    this.jobRecovery = own.jobRecovery ?? null;
    this.imageId = own.imageId ?? null;
    this.diskSize = own.diskSize ?? null;
    this.diskTier = own.diskTier ?? null;
    this.networkTier = own.networkTier ?? null;
    this.ports = own.ports ?? null;
    this.labels = own.labels ?? null;
    this.autostop = own.autostop ?? null;
    this.priority = own.priority ?? null;
    this.#options = deepFrozen(own);
    deepFrozen(this);
  }

  /** One choice as it travels, as options again. */
  static fromSpec(spec: ResourcesSpec): Resources {
    return new Resources(optionsOf(spec));
  }

  /** The same, but for these; null asks for nothing. Another infra takes region and zone with it. */
  copy(changes: ResourcesOptions = {}): Resources {
    const { infra, cloud, region, zone, ...rest } = this.#options;
    const place =
      changes.infra !== undefined
        ? {}
        : changes.cloud !== undefined
          ? { region: null, zone: null }
          : infra == null
            ? { cloud, region, zone }
            : isPartOf(changes)
              ? this.#placeInParts()
              : { infra };
    // A subclass gives one of its own kind.
    const Kind = this.constructor as typeof Resources;
    return new Kind({ ...rest, ...place, ...changes });
  }

  /** Whether it says all that a launch needs: the infra, and the type of its machines. */
  get isLaunchable(): boolean {
    return this.choice.choices.every(({ infra, instanceType }) => infra !== null && instanceType !== null);
  }

  #placeInParts(): ResourcesOptions {
    const [spec] = this.choice.choices;
    return { cloud: spec?.infra, region: spec?.region, zone: spec?.zone };
  }
}

const isPartOf = ({ region, zone }: ResourcesOptions): boolean => region !== undefined || zone !== undefined;

function deepFrozen<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const each of Object.values(value)) deepFrozen(each);
  return Object.freeze(value);
}
