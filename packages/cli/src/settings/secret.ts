import { statSync } from 'node:fs';
import { UsageError } from '../errors.ts';

/**
 * Whether a value of the configuration file is a secret: shown nowhere, and only in a file of one's own. Tokens of
 * contexts are looked after by who reads them (`findHead`).
 */
export const isSecret = (verb: string, key: string, value: unknown): boolean => {
  const name = key.replaceAll('_', '-');
  if (verb === 'worker') return name === 'join-token';
  return verb === 'head' && name === 'store' && String(value).includes('@');
};

/** @throws {UsageError} with what to run, when others can read a file with such a value */
export function refuseOpenSecrets(path: string, values: Readonly<Record<string, unknown>>): void {
  const secret = Object.entries(values).flatMap(([verb, table]) =>
    Object.entries(typeof table === 'object' && table !== null ? table : {})
      .filter(([key, value]) => isSecret(verb, key, value))
      .map(([key]) => `${verb}.${key}`),
  )[0];
  if (secret === undefined || process.platform === 'win32') return;
  const mode = statSync(path).mode & 0o777;
  if ((mode & 0o077) !== 0)
    throw new UsageError(
      `${path} holds a secret (${secret}) and is open to others (mode ${mode.toString(8).padStart(4, '0')})`,
      `run: chmod 600 ${path}`,
    );
}
