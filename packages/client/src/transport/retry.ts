import { DroverError, isDroverError } from '@drover/core';
import { NoReply } from './failures.ts';

/**
 * Whether a call may be sent again. `always`: doing it twice is doing it once (reads, creates with a key, changes of
 * one id). `unsent`: only when the head surely did not do it.
 */
export type Repeat = 'always' | 'unsent';

const FIRST_MS = 50;
const LONGEST_MS = 2000;

/** A random time up to a bound that doubles with each try: many clients of one head do not come back together. */
export const backOffMs = (tries: number): number =>
  Math.min(LONGEST_MS, FIRST_MS * 2 ** tries) * (0.5 + Math.random() / 2);

/** One refused attempt with the time after which the head asked to be tried again, null where it did not say. */
export class Refused extends Error {
  readonly error: DroverError;
  readonly retryAfterMs: number | null;

  constructor(error: DroverError, retryAfterMs: number | null) {
    super(error.message);
    this.error = error;
    this.retryAfterMs = retryAfterMs;
  }
}

/** `Retry-After` in milliseconds: whole seconds or a date; null when absent or unreadable. */
export function parseRetryAfter(value: string | null, nowMs: number): number | null {
  if (value === null) return null;
  if (/^\d{1,6}$/.test(value.trim())) return Number(value) * 1000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? null : Math.max(0, at - nowMs);
}

/**
 * How long to wait before the next try, or null when there must not be one.
 * A refusal is tried again when the head named a time, or is stopping; a proxy's 502, 503 and 504 count as no reply.
 */
export function planRetry(failure: unknown, repeat: Repeat, tries: number): number | null {
  if (failure instanceof NoReply) {
    if (!failure.mayChange || (failure.sent && repeat !== 'always')) return null;
    return backOffMs(tries);
  }
  if (!(failure instanceof Refused)) return null;
  const { error, retryAfterMs } = failure;
  if (error.code === 'HEAD_UNREACHABLE') {
    return repeat === 'always' ? Math.max(retryAfterMs ?? 0, backOffMs(tries)) : null;
  }
  if (error.status !== 429 && error.status !== 503) return null;
  if (retryAfterMs === null && error.code !== 'SHUTTING_DOWN') return null;
  return Math.max(retryAfterMs ?? 0, backOffMs(tries));
}

/** True when the head may have done what was asked although its reply did not arrive. */
export function mayHaveHappened(failure: unknown): boolean {
  if (failure instanceof NoReply) return failure.sent;
  return failure instanceof Refused && failure.error.code === 'HEAD_UNREACHABLE';
}

/** What the caller sees of a failed attempt. */
export function publicError(failure: unknown, url: string): unknown {
  if (failure instanceof Refused) return failure.error;
  if (failure instanceof NoReply) {
    const code = failure.isUntrusted ? 'HEAD_UNTRUSTED' : 'HEAD_UNREACHABLE';
    return new DroverError(code, { url, rule: failure.message }, { cause: failure.cause });
  }
  return failure;
}

/** True for errors after which the same read can succeed by itself. */
export const isTransient = (error: unknown): boolean =>
  isDroverError(error) &&
  (error.code === 'HEAD_UNREACHABLE' || error.code === 'LOG_UNAVAILABLE' || error.code === 'SHUTTING_DOWN');
