/** The log of a head or worker process: JSON lines on stderr, nothing on stdout. */
import pino from 'pino';

export interface ProcessLog {
  /** Only at that level: who writes many such lines can do without making them. */
  debug?(fields: Record<string, unknown>, message: string): void;
  info(fields: Record<string, unknown>, message: string): void;
  warn(fields: Record<string, unknown>, message: string): void;
  error(fields: Record<string, unknown>, message: string): void;
}

/** What may wait for a log that cannot be written; beyond it lines are dropped. */
const MOST_BUFFERED_BYTES = 1024 * 1024;

/** @param level one of pino's: silent, error, warn, info, debug */
export function makeProcessLog(component: string, level = 'info'): ProcessLog {
  const options = { level, base: { component, pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime };
  const destination = pino.destination({ fd: 2, sync: true, maxLength: MOST_BUFFERED_BYTES });
  // A full disk or a closed pipe loses lines of the log; it must not end the process, which goes on when there is room.
  destination.on('error', () => undefined);
  const log: ProcessLog = pino(options, destination);
  if (level !== 'debug') delete log.debug;
  return log;
}
