/** The call that something was made by, as far as it is followed: into events, messages and the log of a worker. */
import type { Actor } from './actor.ts';

export interface Origin {
  readonly requestId?: string;
  /** W3C trace context; absent unless the head makes traces. */
  readonly traceparent?: string;
}

/** Undefined when it came from no call. */
export function originOf({ requestId, traceparent }: Actor): Origin | undefined {
  if (requestId === undefined && traceparent === undefined) return undefined;
  return {
    ...(requestId !== undefined && { requestId }),
    ...(traceparent !== undefined && { traceparent }),
  };
}
