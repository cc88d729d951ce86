/** What every call accepts. */
export interface CallOptions {
  /** Ends the call; it then throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** What every call that waits accepts. */
export interface WaitOptions extends CallOptions {
  /** Longest time to wait, in milliseconds; it is kept within 50 ms. Default: no limit. 0: look once. */
  readonly timeoutMs?: number | undefined;
}
