/**
 * Starts under way at once. Each blocks the loop for about a millisecond; but the first of several in a row is the
 * dearest, since the memory that is touched after it has to be copied.
 */
export const LAUNCHES_AT_ONCE = 8;
/** Attempts told in one message. */
export const FACTS_PER_MESSAGE = 500;
/** Bytes of logs in one message, in base64. With the facts around them well below what the link takes. */
export const INLINE_BYTES_PER_MESSAGE = 4 * 1024 * 1024;
/** Bytes of logs that are told in one turn, in base64. Far below what may wait in the socket. */
export const INLINE_BYTES_AT_ONCE = 16 * 1024 * 1024;
/** Bytes of a log read at once for a stream. */
export const LOG_CHUNK_BYTES = 256 * 1024;
/** How far the revision on disk may be behind the one in memory. */
export const REV_KEPT_MS = 5_000;
/** The wall clock ran ahead of the other by more than this: the machine slept, or its clock was set. */
export const SLEPT_MS = 5_000;
/** From the hello to the welcome. More than a busy head takes, and than it waits for a hello. */
export const WELCOME_MS = 15_000;
/** How long the record of an ended attempt is kept that the head does not know. */
export const UNKNOWN_KEPT_MS = 7 * 24 * 3_600_000;
