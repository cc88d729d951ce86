/** Holds every reply of `/v1` in a test against what its route says of itself: so each test of the edge checks the document. */
import { subscribe } from 'node:diagnostics_channel';
import type { AddressInfo } from 'node:net';
import { ERROR_CATALOGUE, type ErrorCode } from '@drover/core';
import { errorBody } from '@drover/core/wire';
import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchema } from 'fastify';
import { z } from 'zod';
import { codesOf } from '../http/document/errors.ts';

/** What was wrong, by the port on which it was answered. */
const wrong = new Map<number, string[]>();

// Fastify announces each server that is made: so no head has to know of this.
subscribe('fastify.initialization', (message) => {
  const { fastify } = message as { fastify: FastifyInstance };
  fastify.addHook('onSend', async (request, reply, payload) => {
    const fault = faultOf(request, reply, payload);
    const port = (fastify.server.address() as AddressInfo | null)?.port;
    if (fault === null || port === undefined) return;
    const { method, routeOptions } = request;
    const sentence = `${method} ${routeOptions.url} answered ${reply.statusCode} ${fault}`;
    wrong.set(port, [...(wrong.get(port) ?? []), sentence]);
  });
});

/** @throws when a reply from this port was not as its route says; once for each */
export function assertReplies(port: number): void {
  const found = wrong.get(port) ?? [];
  wrong.delete(port);
  if (found.length > 0) throw new Error(`the API document does not say so:\n${found.join('\n')}`);
}

/** The rest of the sentence "GET /v1/x answered 200 ...", or null when all is well. */
function faultOf(request: FastifyRequest, reply: FastifyReply, payload: unknown): string | null {
  const { url, schema, config } = request.routeOptions;
  if (!url?.startsWith('/v1/') || request.method === 'HEAD' || !schema) return null;
  if (reply.statusCode >= 400)
    return schema.hide ? null : errorFault(request.method, schema, String(config.access), payload, reply);
  if (schema.produces) return null;
  const declared = (schema.response as Record<string, unknown> | undefined)?.[reply.statusCode];
  if (!(declared instanceof z.ZodType)) return schema.hide ? null : 'and its schema has no such response';
  if (declared instanceof z.ZodNull)
    return payload === null || payload === 'null' ? null : 'with a body, and its schema has none';
  return bodyFault(declared, JSON.parse(String(payload)));
}

function errorFault(
  method: string,
  schema: FastifySchema,
  access: string,
  payload: unknown,
  reply: FastifyReply,
): string | null {
  const body = JSON.parse(String(payload));
  const fault = bodyFault(errorBody, body);
  if (fault !== null) return fault;
  const code = body.error.code as ErrorCode;
  if (ERROR_CATALOGUE[code]?.status !== reply.statusCode) return `with ${code}, which has another status`;
  if (codesOf(schema, method, access).includes(code)) return null;
  return `${code}, which is not among the errors of its schema`;
}

function bodyFault(schema: z.ZodType, body: unknown): string | null {
  const parsed = schema.safeParse(body);
  if (!parsed.success) return `with a body that breaks its schema: ${z.prettifyError(parsed.error)}`;
  const at = lost(body, JSON.parse(JSON.stringify(parsed.data)), '');
  return at === null ? null : `with ${at}, which its schema does not have`;
}

/** The path of the first value that the schema has not let through as it was. */
function lost(sent: unknown, kept: unknown, path: string): string | null {
  if (typeof sent !== 'object' || sent === null) return sent === kept ? null : path;
  for (const [key, value] of Object.entries(sent)) {
    const found = lost(value, (kept as Record<string, unknown> | undefined)?.[key], `${path}.${key}`);
    if (found !== null) return found;
  }
  return null;
}
