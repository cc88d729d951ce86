import { extname } from 'node:path';
import { parse as parseToml } from 'smol-toml';
import { isMap, isScalar, LineCounter, parseDocument } from 'yaml';
import { UsageError } from '../errors.ts';

/** The content of a job file, and where its keys stand. */
export interface JobText {
  readonly values: Readonly<Record<string, unknown>>;
  /** The line of a key, counted from 1; null where that is not known. */
  readonly lineOf: (path: readonly string[]) => number | null;
}

/** A file that unfolds to more than its aliases allow is refused. */
const MAX_ALIASES = 50;

/** TOML, or YAML for .yaml and .yml. @throws {UsageError} with the line where the parser stumbled */
export function parseJobText(text: string, path: string): JobText {
  const { values, lineOf } = /^\.ya?ml$/i.test(extname(path)) ? yaml(text, path) : toml(text, path);
  if (typeof values !== 'object' || values === null || Array.isArray(values)) {
    throw new UsageError(`${path}: expected keys and values, such as command = "..."`);
  }
  return { values: values as Record<string, unknown>, lineOf };
}

type Parsed = { readonly values: unknown; readonly lineOf: JobText['lineOf'] };

function toml(text: string, path: string): Parsed {
  try {
    return { values: parseToml(text), lineOf: (keys) => tomlLine(text, keys) };
  } catch (error) {
    const { line, message } = error as { line?: number; message: string };
    const [first = ''] = message.replace(/^Invalid TOML document: /, '').split('\n');
    throw new UsageError(`${path}${line === undefined ? '' : `:${line}`}: not valid TOML: ${first}`);
  }
}

/** The parser keeps no positions: the line that begins with the key, in the table that it belongs to. */
function tomlLine(text: string, keys: readonly string[]): number | null {
  const key = keys.at(-1) ?? '';
  const table = keys.slice(0, -1).join('.');
  let current = '';
  for (const [index, line] of text.split('\n').entries()) {
    const header = /^\s*\[+\s*([^\]]+?)\s*\]/.exec(line)?.[1]?.replaceAll(/["']/g, '');
    if (header !== undefined) current = header;
    if (header !== undefined && header === keys.join('.')) return index + 1;
    const name = /^\s*["']?([^"'=\s]+)["']?\s*=/.exec(line)?.[1];
    if (name === undefined) continue;
    if ((current === table && name === key) || (current === '' && name === keys.join('.'))) return index + 1;
  }
  return null;
}

function yaml(text: string, path: string): Parsed {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    schema: 'core',
    customTags: null,
    logLevel: 'silent',
  });
  // A tag that the schema does not know is only a warning there; here it would be a field that means something else.
  const problem = document.errors[0] ?? document.warnings[0];
  if (problem !== undefined) {
    const [first = ''] = problem.message.split('\n');
    throw new UsageError(
      `${path}:${lines.linePos(problem.pos[0]).line}: not valid YAML: ${first.replace(/ at line \d+.*$/, '')}`,
    );
  }
  const lineOf = (keys: readonly string[]): number | null => {
    let node: unknown = document.contents;
    let at: number | null = null;
    for (const key of keys) {
      const pair = isMap(node)
        ? node.items.find((item) => isScalar(item.key) && String(item.key.value) === key)
        : undefined;
      if (pair === undefined) return at;
      const start = isScalar(pair.key) ? pair.key.range?.[0] : undefined;
      if (start !== undefined) at = lines.linePos(start).line;
      node = pair.value;
    }
    return at;
  };
  try {
    return { values: document.toJS({ maxAliasCount: MAX_ALIASES }), lineOf };
  } catch (error) {
    throw new UsageError(`${path}: not valid YAML: ${error instanceof Error ? error.message : error}`);
  }
}
