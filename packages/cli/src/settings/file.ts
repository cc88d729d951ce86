import { readFileSync } from 'node:fs';
import { configPath } from '@drover/client/local';
import { parse } from 'smol-toml';
import type { Env } from '../call.ts';
import { UsageError } from '../errors.ts';
import { refuseOpenSecrets } from './secret.ts';

/** The configuration file of this user, as it lies there. */
export interface ConfigFile {
  readonly path: string;
  /** The whole file; empty when there is none. */
  readonly values: Readonly<Record<string, unknown>>;
}

/** Reads the configuration file; none is as good as an empty one. @throws {UsageError} when it is not valid TOML, or holds secrets that others can read */
export function readConfigFile(env: Env): ConfigFile {
  const path = configPath(env);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EACCES') return { path, values: {} };
    throw new UsageError(`${path}: cannot be read: ${(error as Error).message}`);
  }
  const values = parsed(path, text);
  refuseOpenSecrets(path, values);
  return { path, values };
}

function parsed(path: string, text: string): ConfigFile['values'] {
  try {
    return parse(text);
  } catch (error) {
    const { line, message } = error as { line?: number; message: string };
    const [first = ''] = message.split('\n');
    throw new UsageError(
      `${path}${line === undefined ? '' : `:${line}`}: ${first.replace(/^Invalid TOML document: /, 'not valid TOML: ')}`,
    );
  }
}

/** A table of the file, or null. @throws {UsageError} when something else stands there */
export const tableOf = (file: ConfigFile, name: string): Readonly<Record<string, unknown>> | null =>
  tableIn(file.path, file.values, name);

/** The same of what the file holds now. */
export function tableIn(
  path: string,
  values: ConfigFile['values'],
  name: string,
): Readonly<Record<string, unknown>> | null {
  const value = values[name];
  if (value === undefined) return null;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new UsageError(`${path}: "${name}" must be a table, such as [${name}]`);
  }
  return value as Record<string, unknown>;
}
