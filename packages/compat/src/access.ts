/** What each route of an adapter needs of its caller. A route that is not in its table needs an admin. */
import type { Role } from '@drover/core';
import type { FastifyInstance } from 'fastify';

/** `GET /path`, with the parameters as they stand in the route. code: open to all, and the route checks what it is given. */
export type AccessTable = Readonly<Record<string, Role | 'code'>>;

/** Gives each route of the scope what the table says; call it before the routes are made. */
export function applyAccess(scope: FastifyInstance, prefix: string, table: AccessTable): void {
  scope.addHook('onRoute', (route) => {
    const [method = ''] = [route.method].flat();
    const path = route.url.slice(prefix.length);
    const access = table[`${method === 'HEAD' ? 'GET' : method} ${path}`] ?? 'admin';
    route.config = { ...route.config, access } as typeof route.config;
  });
}
