/** The two clients that are served: those from 0.10 on say the number of their protocol, and 0.9 says nothing. */
import type { FastifyRequest } from 'fastify';

/** old: 0.9.x. It takes pickled handles, no unknown key of a request, and knows no clouds of the name SSH. */
export type Dialect = 'now' | 'old';

/** The protocol that is answered, and the release that speaks it. */
export const API_VERSION = 62;
export const API_VERSION_OLD = 5;
export const VERSION = '0.14.1';

/** Clients before this number speak a protocol that neither of the two is. */
const OLDEST = 24;

export const dialectOf = (request: FastifyRequest): Dialect =>
  request.headers['x-skypilot-api-version'] === undefined ? 'old' : 'now';

/** Why a client cannot be served; null: it can. */
export function mismatchOf(request: FastifyRequest): string | null {
  const said = request.headers['x-skypilot-api-version'];
  if (said === undefined || Number(said) >= OLDEST) return null;
  return `this head serves SkyPilot clients of API version ${OLDEST} and later, and 0.9; this one has ${String(said).slice(0, 20)}`;
}

/** On every reply. */
export const VERSION_HEADERS = {
  'x-skypilot-api-version': String(API_VERSION),
  'x-skypilot-version': VERSION,
} as const;
