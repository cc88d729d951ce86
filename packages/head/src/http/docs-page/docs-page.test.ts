/** `/docs`: complete, safe whatever the document says, and held to its own style sheet alone. */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestHead, type TestHead, type TestReply } from '../../testing/test-head.ts';
import type { ApiDocument } from '../document/json-schema.ts';
import { docsPage } from './page.ts';

let head: TestHead;
let reply: TestReply;
let document: ApiDocument;
beforeAll(async () => {
  head = await startTestHead();
  reply = await head.call('GET', '/docs');
  document = (await head.call('GET', '/openapi.json')).json;
});
afterAll(() => head.close());

const all = (pattern: RegExp, text: string): string[] =>
  [...text.matchAll(pattern)].map(([, found = '']) => found);

describe('the page', () => {
  it('has each call, each object and each error, and every link in it leads somewhere', () => {
    const ids = all(/ id="([^"]+)"/g, reply.text);
    expect(new Set(ids).size).toBe(ids.length);
    const calls = Object.values(document.paths).flatMap((methods) =>
      Object.values(methods).map(({ operationId }) => operationId),
    );
    const objects = Object.keys(document.components.schemas).map((name) => `object-${name}`);
    const errors = Object.keys(document['x-drover-errors']).map((code) => `error-${code}`);
    expect([...calls, ...objects, ...errors].filter((id) => !ids.includes(id))).toEqual([]);
    const links = all(/ href="([^"]+)"/g, reply.text);
    expect(links.filter((link) => !link.startsWith('#') && link !== '/openapi.json')).toEqual([]);
    expect(links.filter((link) => link.startsWith('#') && !ids.includes(link.slice(1)))).toEqual([]);
  });

  it('shows who may, fields with their bounds, and an example to paste', () => {
    const from = reply.text.indexOf('<article id="instancesSubmit">');
    const submit = reply.text.slice(from, reply.text.indexOf('</article>', from));
    for (const part of [
      'Who may: Users and admins.',
      '<code>command</code> <strong>required</strong>',
      '<span>integer, 0 to 86400000, default 30000</span>',
      '{&quot;command&quot;:&quot;echo hello&quot;}',
      '409 NAME_TAKEN',
    ])
      expect(submit.includes(part), part).toBe(true);
  });

  it('runs nothing and fetches nothing: its policy allows its one style sheet, by hash', () => {
    expect(reply.headers.get('content-type')).toBe('text/html; charset=utf-8');
    const [style = ''] = all(/<style>([\s\S]*?)<\/style>/g, reply.text);
    const hash = createHash('sha256').update(style).digest('base64');
    expect(reply.headers.get('content-security-policy')).toBe(
      `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    );
    expect(reply.text.replace(style, '')).not.toMatch(
      /<script| style=| on\w+=|<img|<link|<iframe|src=|url\(/i,
    );
  });

  it('shows as text whatever the document says', () => {
    const evil = `"'><script>alert(1)</script>`;
    const page = docsPage({
      ...document,
      info: { title: evil, version: evil, description: `${evil}\n\nErrors: ${evil}` },
      tags: [{ name: evil, description: evil }],
      paths: {
        [`/v1/${evil}`]: {
          get: {
            operationId: evil,
            tags: [evil],
            summary: evil,
            description: `\`${evil}\``,
            parameters: [
              {
                name: evil,
                in: 'query',
                required: true,
                description: evil,
                schema: { default: evil, enum: [evil] },
              },
            ],
            requestBody: {
              required: true,
              content: {
                [evil]: {
                  schema: {
                    type: 'object',
                    properties: { [evil]: { $ref: `#/components/schemas/${evil}` } },
                  },
                },
              },
            },
            responses: { [evil]: { description: evil, headers: { [evil]: { description: evil } } } },
            'x-drover-access': evil,
          },
        },
      },
      components: { ...document.components, schemas: { [evil]: { description: evil, const: evil } } },
      'x-drover-errors': { [evil]: { status: 400, retry: true, actor: evil, message: evil } },
    });
    expect(page.includes('&lt;script&gt;')).toBe(true);
    expect(/<script|'>|"'/.exec(page)?.[0]).toBeUndefined();
  });
});
