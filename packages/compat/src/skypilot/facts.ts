/** Errors as they are kept. */
import { isDroverError } from '@drover/core';
import type { ErrorFact } from '@drover/core/wire';

export type { ErrorFact } from '@drover/core/wire';

/** What is no error of ours is told without its inside. */
export const errorFactOf = (error: unknown): ErrorFact =>
  isDroverError(error)
    ? { code: error.code, message: error.message, details: { ...error.details } }
    : { code: 'INTERNAL', message: 'an internal error of the head; its log has more', details: {} };
