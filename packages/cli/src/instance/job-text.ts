import { extname } from 'node:path';
import { isDroverError } from '@drover/core';
import { readYaml } from '@drover/core/yaml';
import { parse as parseToml } from 'smol-toml';
import { UsageError } from '../errors.ts';

/** The content of a job file, and where its keys stand. */
export interface JobText {
  readonly values: Readonly<Record<string, unknown>>;
  /** The line of a key, counted from 1; null where that is not known. */
  readonly lineOf: (path: readonly string[]) => number | null;
}

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
  try {
    const [document, second] = readYaml(text, path);
    if (second !== undefined) throw new UsageError(`${path}: not valid YAML: one document is expected`);
    return {
      values: document?.value,
      lineOf: (keys) => {
        for (let length = keys.length; length > 0; length--) {
          const place = document?.locate(keys.slice(0, length));
          if (place) return place.line;
        }
        return null;
      },
    };
  } catch (error) {
    if (!isDroverError(error) || error.code !== 'INVALID_YAML') throw error;
    const { line, rule } = error.details;
    throw new UsageError(`${path}${line === null ? '' : `:${line}`}: not valid YAML: ${rule}`);
  }
}
