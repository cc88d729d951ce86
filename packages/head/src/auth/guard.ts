/** Who calls, and whether they may. Every route names what it needs; a route that names nothing needs an admin. */
import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { DroverError } from '@drover/core';
import { type Actor, DEFAULT_PROJECT, type Engine, workerActor } from '@drover/engine';
import { realRandom } from '../os/clock.ts';
import { isLoopback, tokenOf } from './credentials.ts';

/** none: open to all. join: the route checks a join token itself. */
export type Access = 'admin' | 'worker' | 'join' | 'none';

export interface Guard {
  /** @throws {DroverError} UNAUTHENTICATED, FORBIDDEN */
  check(request: IncomingMessage, access: Access, requestId: string): Actor;
  /** The worker whose identity this is. @throws {DroverError} UNAUTHENTICATED */
  worker(request: IncomingMessage): string;
}

/** Several people may share the token: who of them it is, they say. Names what they own, and gives no right. */
function userClaim(request: IncomingMessage): Pick<Actor, 'user'> {
  const name = request.headers['drover-user'];
  if (typeof name !== 'string' || !/^[\w.@+-]{1,64}$/.test(name)) return {};
  return { user: { id: name, name } };
}

const NOBODY: Actor = { kind: 'system', name: 'nobody', project: DEFAULT_PROJECT };

export function makeGuard(
  engine: Engine,
  adminToken: string,
  options: { readonly trustLoopback: boolean },
): Guard {
  const adminDigest = Buffer.from(realRandom.digest(adminToken), 'hex');
  const isAdmin = (token: string): boolean =>
    timingSafeEqual(Buffer.from(realRandom.digest(token), 'hex'), adminDigest);

  const worker = (request: IncomingMessage): string => {
    const workerId = engine.workers.authenticate(tokenOf(request) ?? '');
    if (workerId === null) throw new DroverError('UNAUTHENTICATED');
    return workerId;
  };

  return {
    worker,
    check(request, access, requestId) {
      if (access === 'none' || access === 'join') return { ...NOBODY, requestId };
      if (access === 'worker') return { ...workerActor(worker(request)), requestId };
      const token = tokenOf(request);
      const trusted = token === null && options.trustLoopback && isLoopback(request.socket.remoteAddress);
      if (trusted || (token !== null && isAdmin(token)))
        return { kind: 'person', name: 'admin', project: DEFAULT_PROJECT, requestId, ...userClaim(request) };
      if (token !== null && engine.workers.authenticate(token) !== null) throw new DroverError('FORBIDDEN');
      throw new DroverError('UNAUTHENTICATED');
    },
  };
}
