/** One route as an operation of the document. */
import type { FastifySchema } from 'fastify';
import { z } from 'zod';
import { codesOf, errorReplies } from './errors.ts';
import type { Content, JsonSchema, Operation, Parameter, Reply } from './json-schema.ts';
import { nounOf } from './nouns.ts';
import type { Direction, SchemaBook } from './schemas.ts';

/** A route of ours. */
export interface DocumentedRoute {
  readonly method: string;
  /** As Fastify has it: `/v1/instances/:ref`. */
  readonly url: string;
  /** The role that a caller needs; `none`: no token. */
  readonly access: string;
  readonly schema: FastifySchema;
}

/** Bytes of any kind. */
const BYTES: JsonSchema = { type: 'string', format: 'binary' };
const REQUEST_ID = { 'Drover-Request-Id': { $ref: '#/components/headers/RequestId' } };

/** The schemas that an operation refers to. */
export function schemasOf({ schema }: DocumentedRoute): { schema: z.ZodType; direction: Direction }[] {
  const inputs = [
    schema.params,
    schema.querystring,
    schema.body,
    ...Object.values(schema.requestHeaders ?? {}).map((header) => header.schema),
  ];
  return [
    ...inputs.filter(isZod).map((each) => ({ schema: each, direction: 'input' as const })),
    ...Object.values(schema.response ?? {})
      .filter(isZod)
      .map((each) => ({ schema: each, direction: 'output' as const })),
  ];
}

const isZod = (value: unknown): value is z.ZodType => value instanceof z.ZodType;

/** @param errorBody of every error @throws when the route does not say who may call it and what it is called */
export function operationOf(route: DocumentedRoute, book: SchemaBook, errorBody: z.ZodType): Operation {
  const { schema, access, method } = route;
  const { operationId = '', summary = '', description } = schema;
  const parameters = [...valuesOf(route, book), ...headersOf(schema, book)];
  const body = bodyOf(schema, book);
  return {
    operationId,
    tags: [nounOf(operationId) ?? 'head'],
    summary,
    ...(description !== undefined && { description }),
    ...(parameters.length > 0 && { parameters }),
    ...(body && { requestBody: { required: body.required, content: body.content } }),
    responses: {
      ...repliesOf(schema, book),
      ...errorReplies(codesOf(schema, method, access), book.of(errorBody, 'output'), REQUEST_ID),
    },
    ...(access === 'none' && { security: [] }),
    'x-drover-access': access,
  };
}

/** Of the path and the query. */
function valuesOf({ schema }: DocumentedRoute, book: SchemaBook): Parameter[] {
  return [['path', schema.params] as const, ['query', schema.querystring] as const].flatMap(
    ([place, from]) => {
      if (!isZod(from)) return [];
      const { properties = {}, required = [] } = book.of(from, 'input');
      return Object.entries(properties).map(([name, { description, ...value }]) => ({
        name,
        in: place,
        required: place === 'path' || required.includes(name),
        ...(description !== undefined && { description }),
        schema: place === 'query' ? repeatable(value) : value,
      }));
    },
  );
}

/** One value or several is what a repeated parameter is: a list. */
function repeatable(schema: JsonSchema): JsonSchema {
  const [one, many] = schema.anyOf ?? [];
  const isOneOrMore = schema.anyOf?.length === 2 && many?.type === 'array';
  if (!isOneOrMore || JSON.stringify(many.items) !== JSON.stringify(one)) return schema;
  const { anyOf: _, ...rest } = schema;
  return { ...rest, ...many };
}

function headersOf(schema: FastifySchema, book: SchemaBook): Parameter[] {
  return Object.entries(schema.requestHeaders ?? {}).map(([name, header]) => ({
    name,
    in: 'header',
    required: false,
    description: header.description,
    schema: book.of(header.schema, 'input'),
  }));
}

function bodyOf(schema: FastifySchema, book: SchemaBook): { required: boolean; content: Content } | null {
  if (schema.consumes)
    return {
      // No byte is a content too.
      required: false,
      content: Object.fromEntries(schema.consumes.map((type) => [type, { schema: BYTES }])),
    };
  if (!isZod(schema.body)) return null;
  // A call that sends no body means an empty object.
  const required = !schema.body.safeParse({}).success;
  return { required, content: { 'application/json': { schema: book.of(schema.body, 'input') } } };
}

const DONE: Readonly<Record<string, string>> = {
  200: 'Done.',
  201: 'Made.',
  202: 'Accepted: it goes on by itself.',
  204: 'Done; there is nothing to say.',
};

function repliesOf(schema: FastifySchema, book: SchemaBook): Record<string, Reply> {
  const own = Object.entries(schema.replyHeaders ?? {}).map(
    ([name, description]) => [name, { description, schema: { type: 'string' } }] as const,
  );
  const headers = { ...REQUEST_ID, ...Object.fromEntries(own) };
  const replies: Record<string, Reply> = {};
  const describe = (status: string): string => schema.replies?.[Number(status)] ?? DONE[status] ?? 'Done.';
  for (const [status, reply] of Object.entries(schema.response ?? {})) {
    const isEmpty = !isZod(reply) || reply instanceof z.ZodNull;
    replies[status] = {
      description: describe(status),
      headers,
      ...(!isEmpty && { content: { 'application/json': { schema: book.of(reply, 'output') } } }),
    };
  }
  if (schema.produces)
    replies['200'] = {
      description: describe('200'),
      headers,
      content: Object.fromEntries(
        schema.produces.map((type) => [
          type,
          { schema: type === 'application/octet-stream' ? BYTES : { type: 'string' } },
        ]),
      ),
    };
  return replies;
}
