/** The key under which secrets of tasks lie in the store: in the state folder, so that whoever has the database has none of them. */
import { randomBytes } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { writeDurably } from '../store-note.ts';

/** Its name in the state folder. */
export const SECRETS_KEY = 'secrets.key';
const BYTES = 32;

/** Made when there is none, and durable before anything is sealed with it. @throws {Error} when it is no key, or others can read it */
export function secretsKey(stateDir: string): Buffer {
  const path = join(stateDir, SECRETS_KEY);
  const mode = statSync(path, { throwIfNoEntry: false })?.mode;
  if (mode === undefined) writeDurably(path, `${randomBytes(BYTES).toString('base64url')}\n`);
  else if ((mode & 0o077) !== 0)
    throw new Error(
      `${path} can be read by others (mode ${(mode & 0o777).toString(8).padStart(4, '0')}). Run: chmod 600 ${path}`,
    );
  const key = Buffer.from(readFileSync(path, 'utf8').trim(), 'base64url');
  if (key.length !== BYTES) throw new Error(`${path} holds no key: put the one back that this head had`);
  return key;
}
