import { isDroverError } from '@drover/core';

/** The code of the error that a call throws; null: it throws none. Whatever else is thrown goes on. */
export function codeOf(call: () => unknown): string | null {
  try {
    call();
    return null;
  } catch (error) {
    if (isDroverError(error)) return error.code;
    throw error;
  }
}
