/** Errors in PyLet's shape: `{detail}`, or a 422 with a list and the body that was received. */
import { isDroverError } from '@drover/core';
import type { Logger } from '@drover/engine';
import type { FastifyError, FastifyInstance } from 'fastify';
import { Unprocessable } from './parse.ts';

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
      return reply.status(422).send({ detail: error.problems, body: error.body });
    if (isDroverError(error)) {
      const status = STATUS[error.code] ?? error.status;
      if (status === 503) reply.header('retry-after', 1);
      if (status === 401) reply.header('www-authenticate', 'Basic realm="drover"');
      return reply.status(status).send({ detail: error.message });
    }
    const { statusCode, code } = error as Partial<FastifyError>;
    if (code === 'FST_ERR_CTP_BODY_TOO_LARGE')
      return reply.status(413).send({ detail: 'Request body too large' });
    if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
      const problem = {
        type: 'json_invalid',
        loc: ['body', 0],
        msg: 'JSON decode error',
        input: {},
        ctx: { error: (error as Error).message.slice(0, 200) },
      };
      return reply.status(422).send({ detail: [problem], body: null });
    }
    log.error(
      { requestId: request.id, method: request.method, url: request.url, err: error },
      'a call of the pylet adapter failed for a reason of our own',
    );
    return reply.status(500).type('text/plain').send('Internal Server Error');
  });
}
