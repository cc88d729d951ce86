/**
 * Starts under way at once. Each blocks the loop for about a millisecond; but the first of several in a row is the
 * dearest, since the memory that is touched after it has to be copied.
 */
export const LAUNCHES_AT_ONCE = 8;
/** Attempts told in one message. */
export const FACTS_PER_MESSAGE = 500;
/** Bytes of a log read at once for a stream. */
export const LOG_CHUNK_BYTES = 256 * 1024;
