/** Refusals of a caller, on their way into the audit: from every place that refuses, and each of them once. */
import { type ErrorCode, isDroverError } from '@drover/core';
import type { Actor, Engine } from '@drover/engine';
import { NOBODY } from './guard.ts';

/** What is told. A call that is held up, or that asks for the wrong thing, is no denial: its caller may. */
const DENIALS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'PROJECT_NOT_FOUND',
  'JOIN_TOKEN_INVALID',
  'HOST_REFUSED',
  'ORIGIN_REFUSED',
]);

/** The call that was refused: its method, and the pattern of its route, never what was asked for. */
export interface RefusedCall {
  readonly method: string;
  readonly route: string;
}

export class Denials {
  readonly #engine: Pick<Engine, 'audit'>;
  /** What was told where it was thrown is not told again where it is answered. */
  readonly #told = new WeakSet<object>();

  constructor(engine: Pick<Engine, 'audit'>) {
    this.#engine = engine;
  }

  /** Writes it, if it is a denial and was not told before. */
  tell(actor: Actor, error: unknown, { method, route }: RefusedCall): void {
    if (!isDroverError(error) || !DENIALS.has(error.code) || this.#told.has(error)) return;
    this.#told.add(error);
    this.#engine.audit.deny(actor, { code: error.code, message: error.message, method, route });
  }
}

/** Whoever calls, as long as it is not known who that is. */
export const strangerFrom = (address: string | undefined, requestId: string): Actor => ({
  ...NOBODY,
  requestId,
  ...(address !== undefined && { source: address }),
});
