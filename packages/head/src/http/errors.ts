/** Errors on their way out, in the shape of `/v1`. */
import { DroverError, isDroverError } from '@drover/core';
import type { ErrorBody } from '@drover/core/wire';
import type { Logger } from '@drover/engine';
import type { FastifyError, FastifyInstance, FastifyRequest } from 'fastify';

const RETRY_AFTER_S = 1;

/** What Fastify itself refuses, in our words. */
export function toDroverError(error: unknown, limitBytes: number): DroverError | null {
  if (isDroverError(error)) return error;
  const { code, statusCode } = error as Partial<FastifyError>;
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new DroverError('BODY_TOO_LARGE', { limit: limitBytes });
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new DroverError('UNSUPPORTED_MEDIA_TYPE');
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
      return new DroverError('INVALID_JSON', { rule: 'it is empty' });
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return new DroverError('INVALID_JSON', { rule: 'Content-Length does not match' });
    default:
      if (statusCode === 400)
        return new DroverError('INVALID_JSON', { rule: withoutText((error as Error).message).slice(0, 200) });
      return null;
  }
}

/** What a parser says of JSON, without the piece of it that may hold a secret. */
const withoutText = (message: string): string => message.replace(/, (?:\.{3})?".*/s, '');

export function errorBody(error: DroverError, requestId: string): ErrorBody {
  return { error: { code: error.code, message: error.message, details: { ...error.details }, requestId } };
}

/** One handler for all routes of `/v1`; adapters bring their own. */
export function setErrorHandler(app: FastifyInstance, log: Logger, limitBytes: number): void {
  app.setErrorHandler(async (error, request: FastifyRequest, reply) => {
    let known = toDroverError(error, request.routeOptions.bodyLimit ?? limitBytes);
    if (!known) {
      log.error(
        { requestId: request.id, method: request.method, route: request.routeOptions.url, err: error },
        'a call failed for a reason of our own',
      );
      known = new DroverError('INTERNAL', { requestId: request.id });
    }
    if (known.status === 503 || known.status === 429) reply.header('retry-after', RETRY_AFTER_S);
    if (known.code === 'METHOD_NOT_ALLOWED') reply.header('allow', String(known.details['allowed']));
    if (known.status === 401) reply.header('www-authenticate', 'Basic realm="drover", Bearer realm="drover"');
    return reply.status(known.status).send(errorBody(known, request.id));
  });
}
