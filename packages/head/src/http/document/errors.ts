/** Which errors an operation can answer, and how the document says so. */
import { ERROR_CATALOGUE, type ErrorCode } from '@drover/core';
import type { FastifySchema } from 'fastify';
import type { JsonSchema, Reply } from './json-schema.ts';

/** What any route can answer for reasons that are not its own. */
function generalCodes(schema: FastifySchema, method: string, access: string): ErrorCode[] {
  const codes: ErrorCode[] = [
    'INVALID_REQUEST',
    'HEADERS_TOO_LARGE',
    'HOST_REFUSED',
    'ORIGIN_REFUSED',
    'SHUTTING_DOWN',
    'INTERNAL',
  ];
  if (access !== 'none') codes.push('UNAUTHENTICATED', 'FORBIDDEN', 'PROJECT_NOT_FOUND', 'TOO_MANY_REQUESTS');
  // A body that nobody asked for is looked at all the same.
  if (method !== 'GET') codes.push('INVALID_JSON', 'BODY_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE', 'STORE_FULL');
  if (schema.consumes) codes.push('TIMEOUT');
  return codes;
}

/** All codes of a route, each once, in the order of the catalogue. */
export function codesOf(schema: FastifySchema, method: string, access: string): ErrorCode[] {
  const codes = new Set([...generalCodes(schema, method, access), ...(schema.errors ?? [])]);
  return (Object.keys(ERROR_CATALOGUE) as ErrorCode[]).filter((code) => codes.has(code));
}

/** The replies with an error, by status. @param body the schema of the one error body */
export function errorReplies(
  codes: readonly ErrorCode[],
  body: JsonSchema,
  headers: Readonly<Record<string, object>>,
): Record<string, Reply> {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of codes) {
    const { status } = ERROR_CATALOGUE[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  const replies: Record<string, Reply> = {};
  for (const [status, found] of [...byStatus].toSorted(([a], [b]) => a - b)) {
    const retries = status === 429 || status === 503;
    replies[status] = {
      description: found.map((code) => `\`${code}\`: ${ERROR_CATALOGUE[code].message}`).join('\n\n'),
      headers: { ...headers, ...(retries && { 'Retry-After': { $ref: '#/components/headers/RetryAfter' } }) },
      content: { 'application/json': { schema: body } },
      'x-drover-codes': found,
    };
  }
  return replies;
}
