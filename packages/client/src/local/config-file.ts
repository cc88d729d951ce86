/** The configuration file of this user: where it is, and how several programs change it at once and lose nothing. */
import { randomUUID } from 'node:crypto';
import type { Stats } from 'node:fs';
import { link, mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { invalid } from '@drover/core';
import { parse, stringify } from 'smol-toml';

type Values = Readonly<Record<string, unknown>>;

/** A change takes milliseconds: a lock that has been there for so long was left behind. */
const LEFT_BEHIND_MS = 10_000;
const LOOK_MS = 10;

/** It need not exist. */
export function configPath(env: Readonly<Record<string, string | undefined>> = process.env): string {
  return join(env.XDG_CONFIG_HOME || join(env.HOME || homedir(), '.config'), 'drover/config.toml');
}

/** @throws {DroverError} INVALID_REQUEST for what is not TOML */
export function parseConfig(text: string, path: string): Record<string, unknown> {
  try {
    return parse(text);
  } catch (error) {
    const [first] = String(error instanceof Error ? error.message : error).split('\n');
    throw invalid(path, `not valid TOML: ${first}`);
  }
}

/**
 * Puts what `change` makes of it in its place, while nobody else changes it. Readable for its owner only; comments in it
 * are lost.
 * @param change throws when it does not like what it finds: then nothing is written
 * @throws {DroverError} INVALID_REQUEST for a file that cannot be read or is not TOML
 */
export async function changeConfigFile(path: string, change: (values: Values) => Values): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const unlock = await lock(`${path}.lock`);
  try {
    const next = change(parseConfig(await textOf(path), path));
    const draft = `${path}.${randomUUID()}`;
    await writeFile(draft, `${stringify(next).trimEnd()}\n`, { mode: 0o600 });
    await rename(draft, path);
  } finally {
    await unlock();
  }
}

/**
 * Writes a context into the file, and chooses it. One of the same address keeps its project unless another is said.
 * @throws as {@link changeConfigFile}
 */
export async function useContext(
  path: string,
  name: string,
  context: { readonly url: string; readonly token?: string; readonly ca?: string; readonly project?: string },
): Promise<void> {
  await changeConfigFile(path, (values) => {
    const contexts = typeof values.contexts === 'object' && values.contexts !== null ? values.contexts : {};
    const { url, project } = Object((contexts as Values)[name]) as Values;
    const kept = url === context.url && typeof project === 'string' ? { project } : {};
    return { ...values, current: name, contexts: { ...contexts, [name]: { ...kept, ...context } } };
  });
}

async function textOf(path: string): Promise<string> {
  return await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw invalid(path, `cannot be read: ${error.message}`);
  });
}

/** @returns what gives it back */
async function lock(path: string): Promise<() => Promise<void>> {
  for (;;) {
    try {
      await (await open(path, 'wx', 0o600)).close();
      return async () => await rm(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const found = await stat(path).catch(() => null);
    if (found !== null && Date.now() - found.mtimeMs > LEFT_BEHIND_MS) await takeAway(path, found);
    else await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/** What a killed program has left. Only one of those who see it can take it away; one that was made since is put back. */
async function takeAway(path: string, old: Stats): Promise<void> {
  const away = `${path}.${randomUUID()}`;
  try {
    await rename(path, away);
    const { ino, mtimeMs } = await stat(away);
    if (ino !== old.ino || mtimeMs !== old.mtimeMs) await link(away, path);
  } catch {
    // Another was quicker: who holds it now is seen at the next look.
  }
  await rm(away, { force: true });
}
