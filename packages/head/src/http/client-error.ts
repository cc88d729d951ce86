/** What never became a call: a request that is no HTTP, whose headers are too long, or that did not come in time. */
import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { DroverError } from '@drover/core';
import { REQUEST_ID_HEADER } from '../telemetry/request-id.ts';
import { errorBody } from './errors.ts';

/** How long the headers of a call may take, in milliseconds. */
export const HEADERS_MS = 20_000;
/** How often that is looked at; Node's own is 30 s. */
export const LOOK_AT_HEADERS_MS = 5_000;
const FAREWELL_MS = 5_000;

/** Answers in the one shape of errors, and ends the connection. */
export function answerClientError(
  error: Error & { readonly code?: string | undefined },
  socket: Socket,
): void {
  // Nobody is there to be answered, or nobody with whom words can be changed yet.
  if (error.code === 'ECONNRESET' || error.code?.startsWith('ERR_TLS_') || !socket.writable) {
    socket.destroy(error);
    return;
  }
  // A peer that does not take the answer keeps its end open for no longer.
  setTimeout(() => socket.destroy(), FAREWELL_MS).unref();
  const refusal = refusalOf(error.code);
  const requestId = randomUUID();
  const body = JSON.stringify(errorBody(refusal, requestId));
  socket.end(
    [
      `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status] ?? ''}`,
      'content-type: application/json; charset=utf-8',
      `content-length: ${Buffer.byteLength(body)}`,
      `${REQUEST_ID_HEADER}: ${requestId}`,
      'connection: close',
      '',
      body,
    ].join('\r\n'),
  );
}

function refusalOf(code: string | undefined): DroverError {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new DroverError('HEADERS_TOO_LARGE');
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new DroverError('TIMEOUT', { what: 'the header of the request', timeoutMs: HEADERS_MS });
    default:
      return new DroverError('INVALID_REQUEST', { field: 'request', rule: 'is not HTTP/1.1' });
  }
}
