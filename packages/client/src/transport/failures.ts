import { DroverError, ERROR_CATALOGUE, type ErrorCode, tlsTrouble } from '@drover/core';

/** An attempt that brought no reply. `sent` is false only when the head surely never saw the request. */
export class NoReply extends Error {
  readonly sent: boolean;
  /** False where another try cannot differ (no such host, bad certificate). */
  readonly mayChange: boolean;
  /** Whoever answered could not show that it is the head. */
  readonly isUntrusted: boolean;

  constructor(text: string, sent: boolean, mayChange: boolean, cause?: unknown, isUntrusted = false) {
    super(text, { cause });
    this.name = 'NoReply';
    this.sent = sent;
    this.mayChange = mayChange;
    this.isUntrusted = isUntrusted;
  }
}

const UNSENT =
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT|ConnectionRefused|FailedToOpenSocket)$/;
const HOPELESS = /^(ENOTFOUND|CERT_|ERR_TLS|ERR_SSL|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|HPE_)/;

/** Turns what `fetch` threw into a {@link NoReply}; the codes are those of Node and Bun, browsers give none. */
export function noReplyFrom(error: unknown): NoReply {
  const found = codesOf(error, 0);
  const [trouble] = found.flatMap(({ code, message }) => tlsTrouble(code, message) ?? []);
  // No connection stood, so nothing was asked; and the next one would show the same certificate.
  if (trouble) return new NoReply(trouble.rule, false, false, error, trouble.kind === 'untrusted');
  const codes = found.map(({ code }) => code).filter((code) => code !== '');
  const text = found.map(({ message }) => message).findLast((message) => message !== '') ?? String(error);
  const badPort = found.some(({ message }) => message === 'bad port');
  const unsent = badPort || (codes.length > 0 && codes.every((code) => UNSENT.test(code)));
  const hopeless = badPort || codes.some((code) => HOPELESS.test(code));
  return new NoReply(text, !unsent, !hopeless, error);
}

/** The code and message of the error, its causes and its parts, outermost first. */
function codesOf(error: unknown, depth: number): { code: string; message: string }[] {
  if (typeof error !== 'object' || error === null || depth > 4) return [];
  const { code, message, cause, errors } = error as Record<string, unknown>;
  const own = {
    code: typeof code === 'string' ? code : '',
    message: typeof message === 'string' ? message : '',
  };
  const parts = Array.isArray(errors) ? errors : [];
  return [own, ...[cause, ...parts].flatMap((inner) => codesOf(inner, depth + 1))];
}

const BY_STATUS: Readonly<Record<number, ErrorCode>> = {
  401: 'UNAUTHENTICATED',
  403: 'FORBIDDEN',
  404: 'ROUTE_NOT_FOUND',
  408: 'TIMEOUT',
  413: 'BODY_TOO_LARGE',
  429: 'TOO_MANY_REQUESTS',
  502: 'HEAD_UNREACHABLE',
  503: 'HEAD_UNREACHABLE',
  504: 'HEAD_UNREACHABLE',
};

/**
 * Rebuilds the error that a reply carries. An unknown code becomes INTERNAL and keeps its message (`details.code`
 * has the code). A reply that is not of a head (another server's, a proxy's page) is named by its status alone: its text
 * is not meant for whoever reads the message.
 */
export function errorFromReply(status: number, text: string, url: string): DroverError {
  const error = parseErrorBody(text);
  if (error === null) {
    const message = `HTTP ${status} from ${url}: is this a Drover head?`;
    return new DroverError(BY_STATUS[status] ?? 'INTERNAL', { status }, { message });
  }
  const requestId = error.requestId === undefined ? {} : { requestId: error.requestId };
  if (isErrorCode(error.code)) {
    return new DroverError(error.code, error.details, { message: error.message, ...requestId });
  }
  const details = { ...error.details, code: error.code };
  return new DroverError('INTERNAL', details, { message: error.message, ...requestId });
}

const isErrorCode = (code: string): code is ErrorCode => Object.hasOwn(ERROR_CATALOGUE, code);

interface ErrorParts {
  readonly code: string;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
  readonly requestId: string | undefined;
}

function parseErrorBody(text: string): ErrorParts | null {
  try {
    const { error } = JSON.parse(text) as { error?: Record<string, unknown> };
    if (typeof error?.code !== 'string' || typeof error.message !== 'string') return null;
    const { code, message, details, requestId } = error;
    return {
      code,
      message,
      details: typeof details === 'object' && details !== null ? (details as Record<string, unknown>) : {},
      requestId: typeof requestId === 'string' ? requestId : undefined,
    };
  } catch {
    return null;
  }
}
