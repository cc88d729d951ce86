/** The whole document, from the routes. */
import { ERROR_CATALOGUE } from '@drover/core';
import { errorBody } from '@drover/core/wire';
import type { ApiDocument, Operation } from './json-schema.ts';
import { GENERAL, NOUNS } from './nouns.ts';
import { type DocumentedRoute, operationOf, schemasOf } from './operation.ts';
import { writeSchemas } from './schemas.ts';

/** @param version of the head */
export function buildDocument(routes: readonly DocumentedRoute[], version: string): ApiDocument {
  const book = writeSchemas([
    ...routes.flatMap(schemasOf),
    { schema: errorBody, direction: 'output' as const },
  ]);
  const paths: Record<string, Record<string, Operation>> = {};
  for (const route of routes) {
    const path = route.url.replace(/:(\w+)/g, '{$1}');
    paths[path] ??= {};
    paths[path][route.method.toLowerCase()] = operationOf(route, book, errorBody);
  }
  const used = new Set(
    Object.values(paths).flatMap((each) => Object.values(each).flatMap(({ tags }) => tags)),
  );
  return {
    openapi: '3.1.0',
    info: {
      title: 'Drover',
      version,
      description: GENERAL,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    } as ApiDocument['info'],
    tags: NOUNS.filter(([noun]) => used.has(noun)).map(([name, description]) => ({ name, description })),
    security: [{ bearer: [] }, { basic: [] }],
    paths,
    components: {
      schemas: book.components,
      headers: {
        RequestId: {
          description: 'The id of this call: in the log of the head, in events, and in the body of an error.',
          schema: { type: 'string' },
        },
        RetryAfter: { description: 'Seconds after which to try again.', schema: { type: 'integer' } },
      },
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'A token: `drv_...`.' },
        basic: { type: 'http', scheme: 'basic', description: 'Any user name, and the token as password.' },
      },
    },
    'x-drover-errors': ERROR_CATALOGUE,
  };
}
