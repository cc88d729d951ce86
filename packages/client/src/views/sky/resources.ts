import { DroverError } from '@drover/core';
import type { ResourcesOptions as Options } from '../../task/options.ts';
import { Resources as BaseResources } from '../../task/resources.ts';

const IMAGES = 'tasks run as processes of the node; images and containers are not there yet';
const INTERNAL = {
  _dockerLoginConfig: IMAGES,
  _dockerUsernameForRunpod: IMAGES,
  _isImageManaged: IMAGES,
  _requiresFuse: 'buckets and storage are not there yet',
  _clusterConfigOverrides: 'a task cannot change the configuration of the head',
} as const;

/** What {@link Resources} takes. What begins with `_` is internal to the Python client, and refused unless it asks for nothing. */
export type ResourcesOptions = Options & { readonly [Key in keyof typeof INTERNAL]?: unknown };

/** What each node of a task must have. Never changed: `copy` makes another. @throws {ValueError} */
export class Resources extends BaseResources {
  constructor(options: ResourcesOptions = {}) {
    super(publicOf(options));
  }

  override copy(changes: ResourcesOptions = {}): Resources {
    return super.copy(publicOf(changes)) as Resources;
  }
}

function publicOf(options: ResourcesOptions): Options {
  const rest: Record<string, unknown> = { ...options };
  for (const [name, rule] of Object.entries(INTERNAL)) {
    const value = rest[name];
    delete rest[name];
    if (value === undefined || value === null || value === false) continue;
    throw new DroverError('NOT_SUPPORTED', { rule: `${name}: ${rule}` });
  }
  return rest;
}
