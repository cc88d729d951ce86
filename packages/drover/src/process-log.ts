/** The log of a head or worker process: JSON lines on stderr, nothing on stdout. */
import pino from 'pino';

export interface ProcessLog {
  info(fields: Record<string, unknown>, message: string): void;
  warn(fields: Record<string, unknown>, message: string): void;
  error(fields: Record<string, unknown>, message: string): void;
}

/** @param level one of pino's: silent, error, warn, info, debug */
export function makeProcessLog(component: string, level = 'info'): ProcessLog {
  const options = { level, base: { component, pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime };
  return pino(options, pino.destination({ fd: 2, sync: true }));
}
