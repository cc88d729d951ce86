/** Errors in PyLet's shape: `{detail}`, or a 422 with a list and the body that was received. */
import { type DroverError, isDroverError } from '@drover/core';
import type { Logger } from '@drover/engine';
import type { FastifyError, FastifyInstance } from 'fastify';
import { type Problem, Unprocessable } from './fields.ts';
import { inPyletsWords } from './words.ts';

/** An answer that is an error of its own status and words. */
export class Refusal extends Error {
  readonly status: number;
  constructor(status: number, detail: string) {
    super(detail);
    this.status = status;
  }
}

/** Codes of ours that PyLet's clients know under another status. */
const STATUS: Readonly<Record<string, number>> = {
  INVALID_REQUEST: 400,
  NAME_TAKEN: 400,
  TARGET_WORKER_NOT_ONLINE: 400,
  WORKER_NOT_FOUND: 404,
  WORKER_NOT_OFFLINE: 400,
  ALREADY_FINAL: 400,
  LOG_NOT_FOUND: 404,
};

export function setPyletErrorHandler(scope: FastifyInstance, log: Logger): void {
  scope.setErrorHandler(async (error, request, reply) => {
    if (error instanceof Refusal) return reply.status(error.status).send({ detail: error.message });
    if (error instanceof Unprocessable)
      return reply.status(422).type('application/json').send(textOf422(error));
    if (isDroverError(error)) {
      const status = STATUS[error.code] ?? error.status;
      if (status === 503) reply.header('retry-after', 1);
      if (status === 401) reply.header('www-authenticate', 'Basic realm="drover"');
      return reply.status(status).send({ detail: detailOf(error) });
    }
    const { statusCode, code } = error as Partial<FastifyError>;
    if (code === 'FST_ERR_CTP_BODY_TOO_LARGE')
      return reply.status(413).send({ detail: 'Request body too large' });
    if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
      return reply.status(422).send({ detail: [notJson((error as Error).message)], body: null });
    log.error(
      { requestId: request.id, method: request.method, route: request.routeOptions.url, err: error },
      'a call of the pylet adapter failed for a reason of our own',
    );
    return reply.status(500).type('text/plain').send('Internal Server Error');
  });
}

/** A body that is no JSON. */
export const notJson = (why: string): Problem => ({
  type: 'json_invalid',
  loc: ['body', 0],
  msg: 'JSON decode error',
  input: {},
  ctx: { error: why.slice(0, 200) },
});

/** What was sent is echoed, as far as that is possible: what is nested too deeply can be read and not written. */
function textOf422({ problems, body }: Unprocessable): string {
  try {
    return JSON.stringify({ detail: problems, body });
  } catch {
    return JSON.stringify({ detail: problems.map((problem) => ({ ...problem, input: null })), body: null });
  }
}

function detailOf(error: DroverError): string {
  const { field } = error.details;
  if (error.code !== 'INVALID_REQUEST' || typeof field !== 'string') return error.message;
  return error.message.replace(field, inPyletsWords(field));
}
