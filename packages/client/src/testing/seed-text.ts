/** Reads signatures, record keys and enums out of the text of the seed: for the signature test, where the seed is there. */

const camel = (name: string): string => {
  const [, lead = '', rest = ''] = /^(_*)(.*)$/.exec(name) ?? [];
  return lead + rest.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
};

const inTypeScript = (value: string): string =>
  value
    .replace(/^None$/, 'null')
    .replace(/^True$/, 'true')
    .replace(/^False$/, 'false');

/** Parameters by name, each with its default as TypeScript writes it; null: it has none. */
function parametersOf(text: string): Record<string, string | null> {
  const parameters: Record<string, string | null> = {};
  for (const part of text.split(',').map((each) => each.trim())) {
    if (part === '' || part === '*') continue;
    const [name = '', value] = part.split('=');
    parameters[camel(name)] = value === undefined ? null : inTypeScript(value);
  }
  return parameters;
}

/** What the seed says, in the words of this view; `jobs` and `serve` left out. */
export function readSeed(text: string): {
  functions: Record<string, Record<string, string | null>>;
  classes: Record<string, Record<string, string | null>>;
  records: string[][];
} {
  const functions: Record<string, Record<string, string | null>> = {};
  for (const [, name = '', parameters = ''] of text.matchAll(/^- sky\.(\w+)\((.*)\)\[source\]/gm))
    functions[camel(name)] = parametersOf(parameters);
  const classes: Record<string, Record<string, string | null>> = {};
  for (const [, name = '', parameters = ''] of text.matchAll(
    /^- class sky\.(Task|Resources)\((.*)\)\[source\]/gm,
  ))
    classes[name] = parametersOf(parameters);
  const records = [...text.matchAll(/\{( '\w+': \([^}]*)\}/g)].map(([, body = '']) =>
    [...body.matchAll(/'(\w+)': \(/g)].map(([, key = '']) => key),
  );
  return { functions, classes, records };
}
