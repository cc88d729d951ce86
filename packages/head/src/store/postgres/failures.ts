/** What an error of PostgreSQL, or of the way to it, means for the head. */
import { StoreError, type StoreFailure } from '@drover/engine';

/** By SQLSTATE: `full` and `busy` wrote nothing and pass. Whatever is not listed is fatal. */
const BY_CODE: Readonly<Record<string, StoreFailure>> = {
  '53100': 'full', // disk_full
  '53200': 'busy', // out_of_memory
  '53300': 'busy', // too_many_connections
  '53400': 'busy', // configuration_limit_exceeded
  '57P01': 'busy', // admin_shutdown
  '57P02': 'busy', // crash_shutdown
  '57P03': 'busy', // cannot_connect_now
  '57P05': 'busy', // idle_session_timeout
  '57014': 'busy', // query_canceled: the statement's limit
  '55P03': 'busy', // lock_not_available
  '40001': 'busy', // serialization_failure
  '40P01': 'busy', // deadlock_detected
  '25006': 'busy', // read_only_sql_transaction: a standby, until it is promoted
  '25P03': 'busy', // idle_in_transaction_session_timeout
  // Who may connect is the operator's: nothing was written, and it can be put right while the head waits.
  '28000': 'busy',
  '28P01': 'busy',
  '3D000': 'busy',
};

/** Errors of the connection itself: whether the last statement took effect is not known. */
const LOST = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EHOSTDOWN',
  'ENETDOWN',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENOENT',
  'EACCES',
]);
const LOST_TEXT =
  /^(Connection terminated|Client has encountered a connection error|Query read timeout|timeout e|Client was closed)/;

const codeOf = (error: unknown): string => String((error as { code?: unknown } | null)?.code ?? '');

/** Whether the connection is of no use any more after this error. */
export function isLost(error: unknown): boolean {
  const code = codeOf(error);
  if (LOST.has(code) || code.startsWith('08') || code.startsWith('57P')) return true;
  return code === '' && error instanceof Error && (LOST_TEXT.test(error.message) || hasLost(error));
}

/** Node joins the errors of several addresses of one host. */
const hasLost = (error: Error): boolean => error instanceof AggregateError && error.errors.some(isLost);

/** The engine's error for what went wrong at `label`. */
export function toPostgresError(error: unknown, label: string): StoreError {
  if (error instanceof StoreError) return error;
  const code = codeOf(error);
  const failure = isLost(error) || code.startsWith('08') ? 'busy' : (BY_CODE[code] ?? 'fatal');
  const what = {
    full: 'The disk of the database is full:',
    busy: 'The database cannot be used now:',
    fatal: code.startsWith('XX00') && code !== 'XX000' ? 'The database is damaged:' : 'The store failed:',
  }[failure];
  return new StoreError(failure, `${what} ${label}: ${textOf(error)}${code === '' ? '' : ` (${code})`}`, {
    cause: error,
  });
}

function textOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(textOf).join('; ');
  return error instanceof Error ? error.message : String(error);
}
