/** Errors of the catalogue as values: made, recognised, and shortened for people. */
import { ERROR_CATALOGUE, type ErrorCode } from './errors.ts';

export type ErrorDetails = Readonly<Record<string, unknown>>;

const MARK = Symbol.for('drover.error');

/**
 * The one error class. Recognise it by `code`; {@link isDroverError} also works across copies of the package.
 * `details` holds the values of the message template and, for bad input, `field`, `rule` and `value`.
 */
export class DroverError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;
  readonly requestId: string | undefined;

  constructor(
    code: ErrorCode,
    details: ErrorDetails = {},
    options: { message?: string; requestId?: string; cause?: unknown } = {},
  ) {
    super(options.message ?? fillTemplate(ERROR_CATALOGUE[code].message, details), { cause: options.cause });
    this.name = 'DroverError';
    this.code = code;
    this.details = details;
    this.requestId = options.requestId;
    Object.defineProperty(this, MARK, { value: true });
  }

  /** The HTTP status under which this error travels. */
  get status(): number {
    return ERROR_CATALOGUE[this.code].status;
  }

  /** Whether the same call can succeed later without a change by the caller. */
  get retry(): boolean {
    return ERROR_CATALOGUE[this.code].retry;
  }
}

export function isDroverError(value: unknown): value is DroverError {
  return typeof value === 'object' && value !== null && (value as Record<symbol, unknown>)[MARK] === true;
}

/** An INVALID_REQUEST for one field. `value` is shortened: an error never carries a whole body back. */
export function invalid(field: string, rule: string, value?: unknown): DroverError {
  return new DroverError('INVALID_REQUEST', {
    field,
    rule,
    ...(value === undefined ? {} : { value: shorten(value) }),
  });
}

/** The value as at most 100 characters of JSON. */
export function shorten(value: unknown): string {
  const text =
    typeof value === 'string'
      ? value
      : typeof value === 'object' && value !== null
        ? Array.isArray(value)
          ? '[array]'
          : '[object]'
        : String(value);
  return text.length > 100 ? `${text.slice(0, 97)}...` : text;
}

function fillTemplate(template: string, details: ErrorDetails): string {
  return template.replace(/\{(\w+)\}/g, (_, key: string) => (key in details ? String(details[key]) : '?'));
}
