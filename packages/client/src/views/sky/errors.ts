/**
 * The exceptions of the seed. Each is a DroverError, made of the one that the head has sent, and known by its code: so
 * `instanceof` holds across copies of the package, and for what `Task` and `Resources` throw by themselves.
 */
import { DroverError, type ErrorCode, isDroverError } from '@drover/core';
import type { ClusterStatus } from './enums.ts';

/** Base of them all. Made by {@link inSeedsWords}; a program has no reason to make one. */
export class SkyError extends DroverError {
  static readonly kind: string = 'SkyError';

  constructor(error: DroverError) {
    const { code, details, message, requestId } = error;
    super(code, details, { message, cause: error, ...(requestId !== undefined && { requestId }) });
    this.name = new.target.kind;
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    // biome-ignore lint/complexity/noThisInStatic: one method for all the subclasses, each asked for itself
    return isOne(this, value);
  }
}

/** Python's own: the call failed, and nobody is to blame for an argument. Also all that the seed has no name for. */
export class RuntimeError extends SkyError {
  static override readonly kind: string = 'RuntimeError';
}

/** Python's own: a bad argument. `details.field` names it where one alone is to blame. */
export class ValueError extends SkyError {
  static override readonly kind: string = 'ValueError';
}

export class ClusterDoesNotExist extends ValueError {
  static override readonly kind = 'ClusterDoesNotExist';
}

/** A ValueError too: `exec` is said to throw one for a cluster that is not UP. */
export class ClusterNotUpError extends ValueError {
  static override readonly kind = 'ClusterNotUpError';

  get clusterStatus(): ClusterStatus | null {
    const { status } = this.details;
    return status === 'INIT' || status === 'UP' || status === 'STOPPED' ? status : null;
  }
}

export class InvalidClusterNameError extends SkyError {
  static override readonly kind = 'InvalidClusterNameError';
}

/** The cluster is there and cannot hold what is asked. */
export class ResourcesMismatchError extends SkyError {
  static override readonly kind = 'ResourcesMismatchError';
}

/** One place that was tried, and why it was not had. */
export interface FailedTry {
  readonly code: string;
  readonly message: string;
}

export class ResourcesUnavailableError extends SkyError {
  static override readonly kind = 'ResourcesUnavailableError';

  /** Empty when nothing that is there could ever hold it; else each try. */
  get failoverHistory(): readonly FailedTry[] {
    const { failoverHistory } = this.details;
    return Array.isArray(failoverHistory) ? failoverHistory : [];
  }

  /** True when another place was not looked for. */
  get noFailover(): boolean {
    return this.details.noFailover === true;
  }
}

export class NotSupportedError extends SkyError {
  static override readonly kind = 'NotSupportedError';
}

/** The cluster was made by somebody else, as far as the callers say who they are. */
export class ClusterOwnerIdentityMismatchError extends SkyError {
  static override readonly kind = 'ClusterOwnerIdentityMismatchError';
}

/** The head does not take this client's token. */
export class CloudUserIdentityError extends SkyError {
  static override readonly kind = 'CloudUserIdentityError';
}

/** No infra is enabled. */
export class NoCloudAccessError extends SkyError {
  static override readonly kind = 'NoCloudAccessError';
}

/** A command of the launch (setup, mostly) failed. */
export class CommandError extends SkyError {
  static override readonly kind = 'CommandError';

  get returncode(): number {
    return Number(this.details.exitCode ?? 1);
  }

  get command(): string {
    return String(this.details.what ?? '');
  }

  get errorMsg(): string {
    return this.message;
  }

  get detailedReason(): string | null {
    const { rule } = this.details;
    return typeof rule === 'string' ? rule : null;
  }
}

/** The request was cancelled, or its cluster stopped or torn down meanwhile. */
export class RequestCancelled extends SkyError {
  static override readonly kind = 'RequestCancelled';
}

/** No head answers. */
export class ApiServerConnectionError extends RuntimeError {
  static override readonly kind = 'ApiServerConnectionError';
}

const CLASSES: Partial<Record<ErrorCode, typeof SkyError>> = {
  INVALID_REQUEST: ValueError,
  INVALID_TASK: ValueError,
  INVALID_YAML: ValueError,
  AMBIGUOUS: ValueError,
  FILES_NOT_FOUND: ValueError,
  FILES_REFUSED: ValueError,
  REQUEST_NOT_FOUND: ValueError,
  JOB_NOT_FOUND: ValueError,
  CLUSTER_NOT_FOUND: ClusterDoesNotExist,
  CLUSTER_NOT_UP: ClusterNotUpError,
  CLUSTER_NAME_INVALID: InvalidClusterNameError,
  CLUSTER_OWNER_MISMATCH: ClusterOwnerIdentityMismatchError,
  RESOURCES_MISMATCH: ResourcesMismatchError,
  RESOURCES_UNAVAILABLE: ResourcesUnavailableError,
  NO_INFRA: NoCloudAccessError,
  NOT_SUPPORTED: NotSupportedError,
  UNAUTHENTICATED: CloudUserIdentityError,
  FORBIDDEN: CloudUserIdentityError,
  COMMAND_FAILED: CommandError,
  REQUEST_CANCELLED: RequestCancelled,
  HEAD_UNREACHABLE: ApiServerConnectionError,
};

const classOf = (code: ErrorCode): typeof SkyError => CLASSES[code] ?? RuntimeError;

/** A user's own subclass stands for no code and is told by its prototype, as usual. */
function isOne(type: typeof SkyError, value: unknown): boolean {
  if (!Object.hasOwn(type, 'kind')) return Function.prototype[Symbol.hasInstance].call(type, value);
  if (!isDroverError(value)) return false;
  const known = classOf(value.code);
  return known === type || Object.prototype.isPrototypeOf.call(type.prototype, known.prototype);
}

/** The error that the seed names; what is not Drover's (an abort) stays as it is. */
export function toSeedError(error: unknown): unknown {
  if (!isDroverError(error)) return error;
  return new (classOf(error.code))(error);
}

/** Runs a call and turns its DroverError into the error that the seed names. */
export async function inSeedsWords<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw toSeedError(error);
  }
}
