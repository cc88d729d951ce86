/** Writes a context into the configuration file of this user, and chooses it. */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { invalid } from '@drover/core';
import { parse, stringify } from 'smol-toml';

/**
 * The file is readable for its owner only. Comments in it are lost.
 * @throws {DroverError} INVALID_REQUEST for a file that is not TOML: nothing is written then
 */
export async function useContext(
  path: string,
  name: string,
  context: { readonly url: string; readonly token?: string; readonly ca?: string; readonly project?: string },
): Promise<void> {
  const before = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  const values = parseConfig(before, path);
  const contexts = typeof values.contexts === 'object' && values.contexts !== null ? values.contexts : {};
  const next = { ...values, current: name, contexts: { ...contexts, [name]: context } };
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${process.pid}`;
  await writeFile(draft, `${stringify(next).trimEnd()}\n`, { mode: 0o600 });
  await rename(draft, path);
}

function parseConfig(text: string, path: string): Record<string, unknown> {
  try {
    return parse(text);
  } catch (error) {
    const [first] = String(error instanceof Error ? error.message : error).split('\n');
    throw invalid(path, `not valid TOML: ${first}`);
  }
}
