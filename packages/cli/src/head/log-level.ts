import { UsageError } from '../errors.ts';

const LEVELS = ['silent', 'error', 'warn', 'info', 'debug'];

/** The level of a process log, `info` when none was given. @throws {UsageError} */
export function checkLogLevel(level = 'info'): string {
  if (LEVELS.includes(level)) return level;
  throw new UsageError(`--log-level ${level}: expected one of ${LEVELS.join(', ')}`);
}
