import { statSync } from 'node:fs';
import { UsageError } from '../errors.ts';

/** A password in the address of a database: before the host, or as a parameter. */
export const hasPassword = (address: string): boolean =>
  /^[a-z]+:\/\/[^/@]*:[^/@]*@|[?&](?:ssl)?password=/i.test(address);

/** A token, or a name and password, in the address of a head; also in one without a scheme. */
export const hasUserInfo = (address: string): boolean => /^(?:[^/]*\/\/)?[^/?#]*@/.test(address);

/**
 * Whether a value of the configuration file is a secret: shown nowhere, and only in a file of one's own. Tokens of
 * contexts are looked after by who reads them (`findHead`).
 */
export const isSecret = (verb: string, key: string, value: unknown): boolean => {
  // A table within a table, such as a context.
  if (typeof value === 'object') return false;
  const name = key.replaceAll('_', '-');
  if (name === 'token' || name === 'join-token') return true;
  const text = String(value);
  if (name === 'store' && verb === 'head') return hasPassword(text) || text.includes('@');
  return (name === 'head' || name === 'advertise-url') && hasUserInfo(text);
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
