import type { Instance } from './instance.ts';

const KINDS = Symbol.for('drover.pylet.errors');

/** True when the value carries the mark of that class, from whichever copy of this package it came. */
function bears(value: unknown, kind: string): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const kinds = (value as Record<symbol, unknown>)[KINDS];
  return Array.isArray(kinds) && kinds.includes(kind);
}

/** A user's own subclass has no kind of its own and is told by its prototype, as usual. */
function isOne(type: typeof PyletError, value: unknown): boolean {
  if (!Object.hasOwn(type, 'kind')) return Function.prototype[Symbol.hasInstance].call(type, value);
  return bears(value, type.kind);
}

function mark(error: Error, kinds: readonly string[]): void {
  error.name = kinds.at(-1) ?? 'Error';
  Object.defineProperty(error, KINDS, { value: kinds });
}

/** Base of all errors of this view. `instanceof` works across copies of the package, for each of them. */
export class PyletError extends Error {
  static readonly kind: string = 'PyletError';

  constructor(message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    mark(this, ['PyletError', ...(new.target.kind === 'PyletError' ? [] : [new.target.kind])]);
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    // biome-ignore lint/complexity/noThisInStatic: one method for all the subclasses, each asked for itself
    return isOne(this, value);
  }
}

/** `init()` was not called. */
export class NotInitializedError extends PyletError {
  static override readonly kind = 'NotInitializedError';

  constructor(message = 'pylet is not initialised: call init() first') {
    super(message);
  }
}

/** There is no such instance or worker. */
export class NotFoundError extends PyletError {
  static override readonly kind = 'NotFoundError';
}

/** What was waited for did not happen in time. */
export class TimeoutError extends PyletError {
  static override readonly kind = 'TimeoutError';
}

/** The instance was FAILED or CANCELLED when it should have run. */
export class InstanceFailedError extends PyletError {
  static override readonly kind = 'InstanceFailedError';
  readonly instance: Instance;

  constructor(message: string, instance: Instance, options: { cause?: unknown } = {}) {
    super(message, options);
    this.instance = instance;
  }
}

/** The instance has ended already. */
export class InstanceTerminatedError extends PyletError {
  static override readonly kind = 'InstanceTerminatedError';
}

/** Python's own ValueError: a bad argument. `field` names it in this view's words, null where no single one is to blame. */
export class ValueError extends Error {
  readonly field: string | null;

  constructor(message: string, field: string | null, options: { cause?: unknown } = {}) {
    super(message, options);
    mark(this, ['ValueError']);
    this.field = field;
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return bears(value, 'ValueError');
  }
}

/** Python's own ConnectionError: the head cannot be reached, or does not let this client in. */
export class ConnectionError extends Error {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    mark(this, ['ConnectionError']);
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return bears(value, 'ConnectionError');
  }
}
