/** An example of each call, to be pasted into a shell that has DROVER_HEAD and DROVER_TOKEN. */
import type { ApiDocument, JsonSchema, Operation } from '../document/json-schema.ts';

/** A word that stands for a value that only the caller knows. */
const placeholder = (name: string): string => name.replace(/([a-z])([A-Z])/g, '$1_$2').toUpperCase();

export function curlOf(
  schemas: ApiDocument['components']['schemas'],
  method: string,
  path: string,
  { parameters = [], requestBody, responses, 'x-drover-access': access }: Operation,
): string {
  const query = parameters
    .filter((each) => each.in === 'query' && each.required)
    .map(({ name }) => `${name}=${placeholder(name)}`)
    .join('&');
  const where = path.replace(/\{(\w+)\}/g, (_, name: string) => placeholder(name));
  const streams = Object.keys(responses['200']?.content ?? {}).some((type) => type !== 'application/json');
  const words = [`curl${streams ? ' -N' : ''}${method === 'GET' ? '' : ` -X ${method}`}`];
  if (access !== 'none') words.push('-H "Authorization: Bearer $DROVER_TOKEN"');
  const [type, body] = Object.entries(requestBody?.content ?? {})[0] ?? [];
  if (type !== undefined && body) {
    words.push(`-H 'Content-Type: ${type}'`);
    const value = type === 'application/json' ? JSON.stringify(exampleOf(body.schema, schemas)) : null;
    words.push(value === null ? '--data-binary @FILE' : `-d '${value.replaceAll("'", "'\\''")}'`);
  }
  words.push(`"$DROVER_HEAD${where}${query && `?${query}`}"`);
  return words.join(' \\\n  ');
}

/** The example that the schema gives, or an object of what is required. */
export function exampleOf(schema: JsonSchema, schemas: ApiDocument['components']['schemas']): unknown {
  const name = schema.$ref?.split('/').at(-1);
  if (name !== undefined) return exampleOf(schemas[name] ?? {}, schemas);
  if (schema.examples) return schema.examples[0];
  if (schema.default !== undefined) return schema.default;
  if (schema.enum) return schema.enum[0];
  const [either] = schema.anyOf ?? schema.oneOf ?? [];
  if (either) return exampleOf(either, schemas);
  const [type] = [schema.type ?? 'null'].flat();
  if (type === 'object') {
    const { required = [], properties = {} } = schema;
    return Object.fromEntries(required.map((key) => [key, exampleOf(properties[key] ?? {}, schemas)]));
  }
  if (type === 'array') return schema.minItems ? [exampleOf(schema.items ?? {}, schemas)] : [];
  if (type === 'string') return '...';
  if (type === 'boolean') return true;
  return type === 'null' ? null : (schema.minimum ?? 1);
}
