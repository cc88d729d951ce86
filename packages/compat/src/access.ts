/** What each route of an adapter needs of its caller. A route that is not in its table needs an admin. */
import type { Role } from '@drover/core';
import type { FastifyInstance } from 'fastify';

/**
 * Where the caller of a route that changes something needs the role user, when that is not the project of its header.
 * `named`: in the one that its body names; `found`: in those of what it finds by an id; `any`: in one at least, as what
 * it makes belongs to none. The door asks whether the caller may look, and the adapter the rest.
 */
export type ChangesIn = 'named' | 'found' | 'any';

/** code: open to all, and the route checks what it is given. */
export type Need = Role | 'code' | { readonly changesIn: ChangesIn };

/** `GET /path`, with the parameters as they stand in the route. */
export type AccessTable = Readonly<Record<string, Need>>;

/** Gives each route of the scope what the table says; call it before the routes are made. */
export function applyAccess(scope: FastifyInstance, prefix: string, table: AccessTable): void {
  scope.addHook('onRoute', (route) => {
    const [method = ''] = [route.method].flat();
    const path = route.url.slice(prefix.length);
    const need = table[`${method === 'HEAD' ? 'GET' : method} ${path}`] ?? 'admin';
    const config = typeof need === 'string' ? { access: need } : { access: 'viewer', ...need };
    route.config = { ...route.config, ...config } as typeof route.config;
  });
}
