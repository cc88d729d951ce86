/**
 * From zod to JSON schema. The objects and enums of core/wire become named components: the name of the constant, in
 * capitals, without `View` at its end. What is written in a route is written out there.
 */
import * as wire from '@drover/core/wire';
import { z } from 'zod';
import type { JsonSchema } from './json-schema.ts';

/** input: what a caller sends, before defaults. output: what it gets. */
export type Direction = 'input' | 'output';

/** The schemas of a document, once all that is used is known. */
export interface SchemaBook {
  readonly components: Readonly<Record<string, JsonSchema>>;
  /** A reference, or the schema itself. @throws when it was not among those asked for */
  of(schema: z.ZodType, direction: Direction): JsonSchema;
}

const REF = '#/components/schemas/';

/** The name of a component in `core/wire`. */
export const componentName = (constant: string): string =>
  `${constant.slice(0, 1).toUpperCase()}${constant.slice(1).replace(/View$/, '')}`;

/** Queries are written out as parameters, and single fields where they stand. */
const isComponent = (constant: string, value: unknown): value is z.ZodType =>
  (value instanceof z.ZodObject || value instanceof z.ZodEnum) &&
  constant !== 'flag' &&
  !constant.endsWith('Query');

const NAMES = new Map<z.ZodType, string>(
  Object.entries(wire).flatMap(([constant, value]) =>
    isComponent(constant, value) ? [[value, componentName(constant)] as const] : [],
  ),
);

/** @param uses all schemas that the document refers to, each with its direction */
export function writeSchemas(
  uses: readonly { readonly schema: z.ZodType; readonly direction: Direction }[],
): SchemaBook {
  const usedAs = (direction: Direction) =>
    uses.filter((use) => use.direction === direction).map(({ schema }) => schema);
  const input = convert('input', usedAs('input'));
  const output = convert('output', usedAs('output'));
  const differs = differing(input.named, output.named);
  const inInput = (name: string): string => (differs.has(name) ? `${name}Input` : name);
  const components = new Map(Object.entries(output.named));
  for (const [name, schema] of Object.entries(input.named))
    components.set(inInput(name), withRefs(schema, inInput));
  return {
    components: Object.fromEntries([...components].toSorted(([a], [b]) => (a < b ? -1 : 1))),
    of(schema, direction) {
      const found = (direction === 'input' ? input : output).used.get(schema);
      if (!found) throw new Error(`a schema of a route was not collected for its ${direction}`);
      return direction === 'input' ? withRefs(found, inInput) : found;
    },
  };
}

interface Converted {
  /** What is referred to, by name. */
  readonly named: Readonly<Record<string, JsonSchema>>;
  readonly used: ReadonlyMap<z.ZodType, JsonSchema>;
}

function convert(direction: Direction, uses: readonly z.ZodType[]): Converted {
  const registry = z.registry<{ id: string }>();
  for (const [schema, id] of NAMES) registry.add(schema, { id });
  const anonymous = new Map([...new Set(uses)].filter((schema) => !NAMES.has(schema)).entries());
  for (const [at, schema] of anonymous) registry.add(schema, { id: `use ${at}` });
  const { schemas } = z.toJSONSchema(registry, {
    io: direction,
    metadata: z.globalRegistry,
    unrepresentable: 'any',
    uri: (id) => REF + id,
    override: ({ zodSchema, jsonSchema }) => {
      const written = jsonSchema as Record<string, unknown>;
      tidy(written, direction);
      if (direction === 'input') restore(zodSchema, written);
    },
  }) as unknown as { schemas: Record<string, JsonSchema> };
  const used = new Map<z.ZodType, JsonSchema>();
  for (const schema of uses) {
    const name = NAMES.get(schema);
    if (name) used.set(schema, { $ref: REF + name });
  }
  const plain = (id: string): JsonSchema | undefined => {
    const { $schema: _, $id: __, ...schema } = { ...schemas[id] } as Record<string, unknown>;
    return schemas[id] && schema;
  };
  for (const [at, schema] of anonymous) used.set(schema, plain(`use ${at}`) ?? {});
  const named: Record<string, JsonSchema> = {};
  const take = (schema: JsonSchema): void => {
    for (const name of refsIn(schema)) {
      const found = plain(name);
      if (named[name] || !found) continue;
      named[name] = found;
      take(found);
    }
  };
  for (const schema of used.values()) take(schema);
  return { named, used };
}

/** Says what is so, and no more: the pattern of a format, and in a reply the bounds of all integers, are noise. */
function tidy(schema: Record<string, unknown>, direction: Direction): void {
  if (schema['format'] === 'date-time') delete schema['pattern'];
  if (String(schema['enum']) === 'true,false') {
    delete schema['enum'];
    schema['type'] = 'boolean';
  }
  if (direction === 'input') return;
  if (schema['minimum'] === Number.MIN_SAFE_INTEGER) delete schema['minimum'];
  if (schema['maximum'] === Number.MAX_SAFE_INTEGER) delete schema['maximum'];
  // A newer head may say more: who reads must not refuse it.
  if (schema['additionalProperties'] === false) delete schema['additionalProperties'];
  delete schema['default'];
}

/**
 * zod leaves out the examples and defaults of what is transformed on its way in: it takes them for results. Our examples
 * are what a caller sends, and the only defaults there are those of flags, which read the same on both sides.
 */
function restore(schema: z.core.$ZodType, written: Record<string, unknown>): void {
  const examples = z.globalRegistry.get(schema)?.['examples'];
  if (examples !== undefined) written['examples'] = examples;
  if (schema instanceof z.ZodDefault && written['type'] === 'boolean')
    written['default'] = schema.def.defaultValue;
}

/** What bears one name in both directions and is not the same, itself or in what it refers to. */
function differing(
  input: Readonly<Record<string, JsonSchema>>,
  output: Readonly<Record<string, JsonSchema>>,
): ReadonlySet<string> {
  const both = Object.keys(input).filter((name) => output[name]);
  const found = new Set(both.filter((name) => JSON.stringify(input[name]) !== JSON.stringify(output[name])));
  for (let before = -1; before !== found.size; ) {
    before = found.size;
    for (const name of both) if (refsIn(input[name] ?? {}).some((ref) => found.has(ref))) found.add(name);
  }
  return found;
}

/** The components that a schema refers to. */
function refsIn(schema: JsonSchema): string[] {
  return [...JSON.stringify(schema).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)].map(
    ([, name = '']) => name,
  );
}

function withRefs(schema: JsonSchema, rename: (name: string) => string): JsonSchema {
  return JSON.parse(
    JSON.stringify(schema).replace(
      /"\$ref":"#\/components\/schemas\/([^"]+)"/g,
      (_, name: string) => `"$ref":"${REF}${rename(name)}"`,
    ),
  );
}
