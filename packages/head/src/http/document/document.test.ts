/** `/openapi.json`: what a new route has to say of itself, and that the document holds together. */
import { ERROR_CATALOGUE } from '@drover/core';
import { instanceSubmit } from '@drover/core/wire';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { startTestHead, type TestHead } from '../../testing/test-head.ts';
import type { ApiDocument, JsonSchema, Operation } from './json-schema.ts';
import { NOUNS, nounOf } from './nouns.ts';
import { writeSchemas } from './schemas.ts';

let head: TestHead;
let document: ApiDocument;
let operations: { readonly name: string; readonly operation: Operation }[];
beforeAll(async () => {
  head = await startTestHead();
  document = (await head.call('GET', '/openapi.json')).json;
  operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      name: `${method.toUpperCase()} ${path}`,
      operation,
    })),
  );
});
afterAll(() => head.close());

/** Those of all operations of which the test is not true. */
const those = (isWrong: (operation: Operation) => boolean): string[] =>
  operations.filter(({ operation }) => isWrong(operation)).map(({ name }) => name);

describe('each operation', () => {
  it('is named by a noun of nouns.ts and a verb (schema.operationId: "instancesList"), and by that alone', () => {
    expect(those(({ operationId }) => nounOf(operationId) === null)).toEqual([]);
    const ids = operations.map(({ operation }) => operation.operationId);
    expect(ids.filter((id, at) => ids.indexOf(id) !== at)).toEqual([]);
  });

  it('says in a line what it does (schema.summary), without a full stop', () => {
    expect(those(({ summary }) => summary === '' || summary.endsWith('.'))).toEqual([]);
  });

  it('says who may (config.access: none, viewer, user or admin)', () => {
    const roles = ['none', 'viewer', 'user', 'admin'];
    expect(those((operation) => !roles.includes(operation['x-drover-access']))).toEqual([]);
    const open = those((operation) => operation['x-drover-access'] === 'none');
    expect(open).toEqual(['GET /healthz', 'GET /readyz']);
    expect(those(({ security }) => security !== undefined)).toEqual(open);
  });

  it('answers something when all goes well (schema.response, or schema.produces for streams)', () => {
    const isGood = (status: string): boolean => status.startsWith('2');
    expect(those(({ responses }) => !Object.keys(responses).some(isGood))).toEqual([]);
  });

  it('answers JSON that has a name: an object that core/wire exports', () => {
    const small = ['GET /openapi.json', 'GET /healthz', 'GET /readyz'];
    const unnamed = those(({ responses }) =>
      Object.values(responses).some(({ content = {} }) => {
        const schema = content['application/json']?.schema;
        return schema !== undefined && schema.$ref === undefined;
      }),
    );
    expect(unnamed.toSorted()).toEqual(small.toSorted());
  });

  it('has a meaning for each parameter, and for each field of its body (.describe() in core/wire or the route)', () => {
    const { schemas } = document.components;
    const seen = new Set<string>();
    const bare: string[] = [];
    const look = (path: string, schema: JsonSchema): void => {
      const name = schema.$ref?.split('/').at(-1);
      if (name !== undefined && !seen.has(name)) {
        seen.add(name);
        look(name, schemas[name] ?? {});
      }
      for (const inner of [...(schema.anyOf ?? []), ...(schema.items ? [schema.items] : [])])
        look(path, inner);
      for (const [field, inner] of Object.entries(schema.properties ?? {})) {
        if (!inner.description) bare.push(`${path}.${field}`);
        look(`${path}.${field}`, inner);
      }
    };
    for (const { name, operation } of operations) {
      for (const { description, name: parameter } of operation.parameters ?? [])
        if (!description) bare.push(`${name} ${parameter}`);
      for (const { schema } of Object.values(operation.requestBody?.content ?? {})) look(name, schema);
    }
    expect(bare).toEqual([]);
  });

  it('has the one error body for each status of its codes, and Retry-After with 429 and 503', () => {
    for (const { name, operation } of operations)
      for (const [status, { content, headers = {}, ...reply }] of Object.entries(operation.responses)) {
        const codes = reply['x-drover-codes'];
        if (!codes) continue;
        expect(content?.['application/json']?.schema, name).toEqual({
          $ref: '#/components/schemas/ErrorBody',
        });
        expect('Retry-After' in headers, `${name} ${status}`).toBe(status === '429' || status === '503');
        for (const code of codes)
          expect(ERROR_CATALOGUE[code as keyof typeof ERROR_CATALOGUE].status, code).toBe(Number(status));
      }
    const responses = document.paths['/v1/instances']?.['post']?.responses;
    expect(Object.keys(responses ?? {})).toEqual([
      '201',
      '400',
      '401',
      '403',
      '404',
      '409',
      '413',
      '415',
      '429',
      '431',
      '500',
      '503',
    ]);
    expect(responses?.['409']?.['x-drover-codes']).toContain('NAME_TAKEN');
  });
});

describe('the document', () => {
  it('is OpenAPI 3.1 of this version, with a line for each noun that it has', () => {
    expect(document.openapi).toBe('3.1.0');
    expect(document.info).toMatchObject({ title: 'Drover', version: '0.0.0-test' });
    expect(document.tags.map(({ name }) => name)).toEqual(NOUNS.map(([noun]) => noun));
  });

  it('refers to nothing that it does not have, and has nothing that it does not refer to', () => {
    const found = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/(\w+)\/(\w+)"/g)];
    const referred = found.map(([, kind, name]) => `${kind}/${name}`);
    const { schemas, headers } = document.components;
    const there = [
      ...Object.keys(schemas).map((name) => `schemas/${name}`),
      ...Object.keys(headers).map((name) => `headers/${name}`),
    ];
    expect([...new Set(referred)].toSorted()).toEqual(there.toSorted());
  });

  it('leaves out what others describe, and what only workers call', () => {
    const paths = Object.keys(document.paths);
    expect(paths.filter((path) => !path.startsWith('/v1/'))).toEqual([
      '/openapi.json',
      '/docs',
      '/healthz',
      '/readyz',
      '/metrics',
    ]);
    expect(paths.filter((path) => /link|join$|compat/.test(path))).toEqual([]);
  });

  it('describes streams, uploads, pages, headers and repeated parameters', () => {
    const { paths } = document;
    const logs = paths['/v1/instances/{ref}/logs']?.['get'];
    expect(Object.keys(logs?.responses['200']?.content ?? {})).toEqual(['application/octet-stream']);
    expect(Object.keys(logs?.responses['200']?.headers ?? {})).toContain('Drover-Log-Offset');
    expect(Object.keys(paths['/v1/events']?.['get']?.responses['200']?.content ?? {})).toEqual([
      'text/event-stream',
    ]);
    expect(paths['/v1/files/{sha256}']?.['put']?.requestBody?.content).toEqual({
      'application/octet-stream': { schema: { type: 'string', format: 'binary' } },
    });
    expect(paths['/v1/clusters/launch']?.['post']?.responses['202']?.headers).toHaveProperty('Location');
    const list = paths['/v1/instances']?.['get']?.parameters ?? [];
    expect(list.find(({ name }) => name === 'status')?.schema).toEqual({
      type: 'array',
      items: { $ref: '#/components/schemas/InstanceStatus' },
    });
    expect(list.find(({ name }) => name === 'limit')?.schema).toEqual({
      type: 'integer',
      minimum: 1,
      maximum: 1000,
      default: 100,
    });
    const submit = paths['/v1/instances']?.['post'];
    expect(submit?.parameters).toMatchObject([{ name: 'Idempotency-Key', in: 'header', required: false }]);
    expect(submit?.requestBody?.required).toBe(true);
    expect(paths['/v1/instances/{ref}/cancel']?.['post']?.requestBody?.required).toBe(false);
  });

  it('is for those who have a token; a browser asks for it', async () => {
    for (const path of ['/openapi.json', '/docs']) {
      const reply = await head.call('GET', path, undefined, { authorization: '' });
      expect(reply.status).toBe(401);
      // Chromium passes over a scheme that is followed by another without a parameter.
      expect(reply.headers.get('www-authenticate')).toBe('Basic realm="drover", Bearer realm="drover"');
    }
  });
});

describe('a schema', () => {
  it('that differs between what is sent and what comes back has two names', () => {
    const inner = z.strictObject({ size: z.int().min(0).max(9).default(1) });
    const book = writeSchemas([
      { schema: instanceSubmit, direction: 'input' },
      { schema: instanceSubmit, direction: 'output' },
      { schema: inner, direction: 'input' },
    ]);
    expect(book.of(instanceSubmit, 'input')).toEqual({ $ref: '#/components/schemas/InstanceSubmitInput' });
    expect(book.of(instanceSubmit, 'output')).toEqual({ $ref: '#/components/schemas/InstanceSubmit' });
    expect(book.components['InstanceSubmitInput']?.properties?.['resources']?.$ref).toBe(
      '#/components/schemas/ResourceRequestInput',
    );
    expect(book.of(inner, 'input')).toEqual({
      type: 'object',
      properties: { size: { type: 'integer', minimum: 0, maximum: 9, default: 1 } },
      additionalProperties: false,
    });
    expect(() => book.of(inner, 'output')).toThrow(/not collected/);
  });
});
