/** `/openapi.json`, from the same schemas that validate, and `/docs`: the same to read. */
import { createHash } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { App } from './app.ts';
import { docsPage } from './docs-page/page.ts';
import { STYLE } from './docs-page/style.ts';
import { buildDocument } from './document/build.ts';
import { gatherRoutes } from './document/routes.ts';

/** Nothing but text and this one style sheet: no script, no frame, no form, nothing from elsewhere. */
const POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** To be called before the routes are declared: what was there before is not described. */
export function registerOpenApi(app: App, version: string): void {
  const routes = gatherRoutes(app as unknown as FastifyInstance);
  // All routes stand when the first call comes.
  const document = once(() => buildDocument(routes, version));
  const text = once(() => JSON.stringify(document()));
  const page = once(() => docsPage(document()));
  app.get(
    '/openapi.json',
    {
      config: { access: 'viewer' },
      schema: {
        operationId: 'headOpenapi',
        summary: 'This document: OpenAPI 3.1',
        response: { 200: z.record(z.string(), z.unknown()) },
      },
    },
    // Written once: as text it is passed on as it is.
    async (_request, reply) => reply.type('application/json; charset=utf-8').send(text() as never),
  );
  app.get(
    '/docs',
    {
      config: { access: 'viewer' },
      schema: { operationId: 'headDocs', summary: 'This document as a page', produces: ['text/html'] },
    },
    async (_request, reply) =>
      reply
        .headers({
          'content-type': 'text/html; charset=utf-8',
          'content-security-policy': POLICY,
          'x-content-type-options': 'nosniff',
          'referrer-policy': 'no-referrer',
        })
        .send(page()),
  );
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
