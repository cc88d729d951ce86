/** A log of at most so many bytes rides in the report of its end. The same as `INLINE_LOG_BYTES` of the wire. */
export const INLINE_LOG_BYTES = 16 * 1024;
/** Starts under way at once: each blocks the loop for about a millisecond. */
export const LAUNCHES_AT_ONCE = 8;
/** Attempts told in one message. */
export const FACTS_PER_MESSAGE = 500;
/** Bytes of a log read at once for a stream. */
export const LOG_CHUNK_BYTES = 256 * 1024;
