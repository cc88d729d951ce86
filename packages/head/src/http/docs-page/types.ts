/** Schemas in words: what a field is, and its bounds. */
import type { JsonSchema } from '../document/json-schema.ts';
import { type Html, html, type Piece, sentence } from './html.ts';

const REF = '#/components/schemas/';

/** The component that a schema is, itself or as a list of it or with null beside it. */
export const refOf = ({ $ref }: JsonSchema): string | null => $ref?.slice(REF.length) ?? null;

const link = (name: string): Html => html`<a href="#object-${name}">${name}</a>`;
const joined = (pieces: readonly Piece[], by: string): Piece[] =>
  pieces.flatMap((piece, at) => (at === 0 ? [piece] : [by, piece]));

/** `integer`, `list of Gpu`, `string or null`. */
export function typeOf(schema: JsonSchema): Html {
  const name = refOf(schema);
  if (name !== null) return link(name);
  const either = schema.anyOf ?? schema.oneOf;
  if (either) return html`${joined(either.map(typeOf), ' or ')}`;
  if (schema.const !== undefined) return html`<code>${JSON.stringify(schema.const)}</code>`;
  if (schema.enum)
    return html`${joined(
      schema.enum.map((value) => html`<code>${String(value)}</code>`),
      ' | ',
    )}`;
  const types = [schema.type ?? 'any value'].flat();
  return html`${joined(
    types.map((type) => one(type, schema)),
    ' or ',
  )}`;
}

function one(type: string, schema: JsonSchema): Piece {
  if (type === 'array') return html`list of ${typeOf(schema.items ?? {})}`;
  if (type === 'string' && schema.format === 'date-time') return 'time (RFC 3339, UTC)';
  if (type === 'string' && schema.format === 'binary') return 'bytes';
  const values = schema.additionalProperties;
  if (type === 'object' && typeof values === 'object' && !schema.properties)
    return html`map of ${typeOf(values)}`;
  return type;
}

/** `0 to 1000`, `at most 128 characters`; of the one alternative that is not null, when there is one. */
function boundsOf(schema: JsonSchema): string[] {
  const others = schema.anyOf?.filter(({ type }) => type !== 'null') ?? [];
  const [only] = others;
  if (only && others.length === 1) return boundsOf(only);
  const found: string[] = [];
  const span = (least: number | undefined, most: number | undefined, what: string): void => {
    if (least !== undefined && most !== undefined) found.push(`${least} to ${most}${what}`);
    else if (most !== undefined) found.push(`at most ${most}${what}`);
    else if (least !== undefined) found.push(`at least ${least}${what}`);
  };
  span(known(schema.minimum), known(schema.maximum), '');
  if (schema.exclusiveMinimum !== undefined) found.push(`above ${schema.exclusiveMinimum}`);
  span(schema.minLength, schema.maxLength, ' characters');
  span(schema.minItems, schema.maxItems, ' items');
  return found;
}

/** A bound that every integer has says nothing. */
const known = (bound: number | undefined): number | undefined =>
  bound !== undefined && Math.abs(bound) === Number.MAX_SAFE_INTEGER ? undefined : bound;

/** One field as a term and what it means. Objects that are written out there come below it. */
export function fieldOf(name: string, schema: JsonSchema, required: boolean): Html {
  const notes = [
    ...boundsOf(schema),
    ...(schema.default === undefined ? [] : [`default ${JSON.stringify(schema.default)}`]),
  ];
  return html`<div><dt><code>${name}</code>${required && html` <strong>required</strong>`}
<span>${typeOf(schema)}${notes.map((note) => html`, ${note}`)}</span></dt>
<dd>${schema.description ? sentence(schema.description) : ''}${innerFields(schema)}</dd></div>`;
}

/** What an object has that bears no name of its own: of the field itself, of its items, of its alternatives. */
function innerFields(schema: JsonSchema): Html {
  if (schema.properties) return fieldsOf(schema);
  if (schema.items) return innerFields(schema.items);
  return html`${(schema.anyOf ?? []).map(innerFields)}`;
}

/** The fields of an object. What is required matters only where a caller sends it: such objects take no other fields. */
export function fieldsOf({ properties = {}, required = [], additionalProperties }: JsonSchema): Html {
  const isSent = additionalProperties === false;
  const fields = Object.entries(properties);
  if (fields.length === 0) return html``;
  return html`<dl>${fields.map(([name, field]) => fieldOf(name, field, isSent && required.includes(name)))}</dl>`;
}
