/** The routes that the document is made of, gathered as they are declared. */
import './route-schema.ts';
import type { FastifyInstance } from 'fastify';
import type { DocumentedRoute } from './operation.ts';

/** Ours outside `/v1`. What else stands there is an adapter's, and described by whom it imitates. */
const OWN = new Set(['/healthz', '/readyz', '/metrics', '/openapi.json', '/docs']);

/** @returns the list, which grows with every route that is declared after this call */
export function gatherRoutes(app: FastifyInstance): readonly DocumentedRoute[] {
  const routes: DocumentedRoute[] = [];
  app.addHook('onRoute', ({ url, method, schema, config }) => {
    if ((!url.startsWith('/v1/') && !OWN.has(url)) || schema?.hide === true) return;
    for (const each of [method].flat()) {
      // Fastify declares a HEAD beside each GET.
      if (each === 'HEAD') continue;
      routes.push({
        method: each,
        url,
        access: String((config as { access?: unknown } | undefined)?.access ?? 'admin'),
        schema: schema ?? {},
      });
    }
  });
  return routes;
}
