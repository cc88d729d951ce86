import { isDroverError } from '@drover/client';
import { oneLine, severalLines } from './text/sanitize.ts';

/** The person has to say it differently. Exit code 2. */
export class UsageError extends Error {
  readonly hint: string | undefined;
  constructor(message: string, hint?: string) {
    super(message);
    this.hint = hint;
  }
}

/** It did not work; the exit code says of which kind. */
export class Failure extends Error {
  readonly exitCode: number;
  readonly hint: string | undefined;
  constructor(message: string, options: { exitCode?: number; hint?: string; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.exitCode = options.exitCode ?? 1;
    this.hint = options.hint;
  }
}

/** Exit codes of the program itself; those of `submit --wait` are the instance's. */
export const EXIT = {
  ok: 0,
  other: 1,
  usage: 2,
  notFound: 3,
  denied: 4,
  unavailable: 5,
  drover: 125,
} as const;

/** The exit code for an error: 2 usage, 3 not found, 4 denied, 5 unavailable, 1 any other. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return EXIT.usage;
  if (error instanceof Failure) return error.exitCode;
  if (!isDroverError(error)) return EXIT.other;
  // Something answered that is no head.
  if (error.code === 'ROUTE_NOT_FOUND') return EXIT.other;
  switch (error.status) {
    case 400:
      return error.code === 'PROTOCOL' ? EXIT.other : EXIT.usage;
    case 401:
    case 403:
      return EXIT.denied;
    case 404:
      return EXIT.notFound;
    case 413:
    case 431:
      return EXIT.usage;
    case 502:
    case 503:
      return EXIT.unavailable;
    default:
      return EXIT.other;
  }
}

/** What to do about it, where that can be said. */
export function hintOf(error: unknown): string | undefined {
  if (error instanceof UsageError || error instanceof Failure) return error.hint;
  if (!isDroverError(error)) return undefined;
  const { ref } = error.details;
  switch (error.code) {
    case 'HEAD_UNREACHABLE':
      return 'start one on this machine with "drover up", or name one with --head URL';
    case 'INSTANCE_NOT_FOUND':
      return '"drover ps -a" shows all instances';
    case 'WORKER_NOT_FOUND':
      return '"drover worker list" shows all workers';
    case 'NAME_TAKEN':
      return `choose another --name, or end that instance with "drover cancel ${String(ref)}"`;
    case 'FORBIDDEN':
      return '"drover whoami" shows who you are for this head and what you may do';
    default:
      return undefined;
  }
}

/** The lines for standard error; with `json` one line of JSON with the same content. */
export function renderError(error: unknown, json: boolean): string {
  const hint = hintOf(error);
  if (json) return JSON.stringify({ error: { ...jsonOf(error), ...(hint === undefined ? {} : { hint }) } });
  const lines = [`drover: ${severalLines(messageOf(error))}`];
  if (hint !== undefined) lines.push(`hint: ${oneLine(hint)}`);
  if (process.env.DROVER_DEBUG === '1' && error instanceof Error && error.stack) lines.push(error.stack);
  return lines.join('\n');
}

function messageOf(error: unknown): string {
  if (isDroverError(error) && error.code === 'INVALID_REQUEST' && isShown(error.details.value)) {
    return `${error.message} (not ${JSON.stringify(error.details.value)})`;
  }
  // The page of a proxy or of a server that is no head has many lines.
  if (isDroverError(error) && /^HTTP \d{3}: /.test(error.message)) return error.message.split('\n')[0] ?? '';
  return error instanceof Error ? error.message : String(error);
}

function jsonOf(error: unknown): object {
  if (isDroverError(error)) {
    const { code, message, details, requestId } = error;
    return { code, message, details, ...(requestId === undefined ? {} : { requestId }) };
  }
  const code = error instanceof UsageError ? 'USAGE' : 'FAILED';
  return { code, message: messageOf(error), details: {} };
}

/** Lists and tables arrive as a mark only. */
const isShown = (value: unknown): boolean =>
  value !== undefined && !/^\[(array|object)\]$/.test(String(value));
