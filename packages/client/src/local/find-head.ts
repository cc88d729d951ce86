/** Finds the head that a person means, on Node: environment, configuration file, a head of this user on this machine. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { invalid, isLoopback, isPlainName, PLAIN_NAME_RULE, parseCa } from '@drover/core';
import { DEFAULT_HEAD_URL } from '../client.ts';
import { parseTarget } from '../transport/target.ts';
import { configPath, parseConfig } from './config-file.ts';
import { pinnedFetch, readCa, requireCa } from './pinned-fetch.ts';
import { assertPrivate } from './private-file.ts';

/** Where the head was found; `new Client(found)` opens it. */
export interface FoundHead {
  readonly url: string;
  readonly token: string | undefined;
  readonly source: 'option' | 'environment' | 'context' | 'local' | 'default';
  /** The context's name, where one was chosen. */
  readonly context: string | undefined;
  /** The project of that context, where it names one. */
  readonly project?: string | undefined;
  /** The only authority that may have signed its certificate, `ca_...`; absent: those of this system. */
  readonly ca?: string | undefined;
  /** Trusts that authority, where there is one. */
  readonly fetch?: typeof globalThis.fetch | undefined;
}

/** What a caller knows already; all of it comes before what is found. */
export interface FindHeadOptions {
  readonly url?: string | undefined;
  readonly token?: string | undefined;
  /** A context of the configuration file, instead of its current one and of the environment's head. */
  readonly context?: string | undefined;
  /** The authority to trust: `ca_...`, or the path of a PEM file. Default: `DROVER_CA`, else what lies beside the address. */
  readonly ca?: string | undefined;
  /** What the calls are for. Default: `DROVER_PROJECT`, else that of the context. */
  readonly project?: string | undefined;
  /** Taken when nothing is found. Default {@link DEFAULT_HEAD_URL}. */
  readonly fallbackUrl?: string | undefined;
  /** Default: the environment of this process. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
}

/**
 * In this order: the option; `DROVER_HEAD`; the context chosen in `~/.config/drover/config.toml`; a head of this user
 * on this machine that lives; the fallback. `DROVER_TOKEN` and `DROVER_CA` go before what files say.
 * @throws {DroverError} INVALID_REQUEST for a configuration file that cannot be used, with its path; for an authority and
 * an address of plain HTTP
 */
export async function findHead(options: FindHeadOptions = {}): Promise<FoundHead> {
  const env = options.env ?? process.env;
  const located = await locate(options, env);
  const found = { ...located, project: options.project ?? (env.DROVER_PROJECT || located.project) };
  const given = options.ca || env.DROVER_CA;
  const ca = given ? await readCa(given, options.ca ? 'ca' : 'DROVER_CA') : found.ca;
  if (ca === undefined) return { ...found, ca: undefined };
  if (found.url.startsWith('https:')) return { ...found, ca, fetch: pinnedFetch(ca) };
  // A token would travel readable, to whoever answers. To this machine an authority of the environment is no matter.
  if (options.ca || !isLoopback(new URL(found.url).hostname))
    throw invalid(
      options.ca ? 'ca' : given ? 'DROVER_CA' : `contexts.${found.context}.ca`,
      `an authority is for https, and ${found.url} is plain HTTP, which shows no certificate: say https://`,
    );
  return { ...found, ca: undefined };
}

async function locate(
  options: FindHeadOptions,
  env: Readonly<Record<string, string | undefined>>,
): Promise<FoundHead> {
  const token = options.token ?? (env.DROVER_TOKEN || undefined);
  const local = await readLocalHead(env);
  const given = options.url || (options.context === undefined ? env.DROVER_HEAD : undefined);
  if (given) {
    const source = options.url ? 'option' : 'environment';
    const target = parseTarget(given, options.token);
    const same = local?.url === target.url ? local : undefined;
    return {
      url: target.url,
      // Of one that is dead the token is not shown: who listens there now is somebody else.
      token: target.token ?? token ?? (same?.alive ? same.token : undefined),
      source,
      context: undefined,
      ca: same?.ca,
    };
  }
  const context = await readContext(env, options.context);
  if (context !== null) return { ...context, token: token ?? context.token, source: 'context' };
  if (local?.alive)
    return { url: local.url, token: token ?? local.token, source: 'local', context: undefined, ca: local.ca };
  return { url: options.fallbackUrl ?? DEFAULT_HEAD_URL, token, source: 'default', context: undefined };
}

/**
 * The folder of this user's own head: `head` below `DROVER_STATE`, or `DROVER_STATE` itself where only that one holds a
 * head's `head.json`; else `drover/head` below the XDG state folder.
 */
export function defaultStateDir(env: Readonly<Record<string, string | undefined>> = process.env): string {
  if (env.DROVER_STATE) {
    const root = resolve(env.DROVER_STATE);
    const own = join(root, 'head');
    return !existsSync(join(own, 'head.json')) && existsSync(join(root, 'head.json')) ? root : own;
  }
  return join(env.XDG_STATE_HOME || join(env.HOME || homedir(), '.local/state'), 'drover/head');
}

interface LocalHeadFile {
  readonly url: string;
  readonly token: string | undefined;
  readonly ca: string | undefined;
  readonly alive: boolean;
}

async function readLocalHead(
  env: Readonly<Record<string, string | undefined>>,
): Promise<LocalHeadFile | null> {
  const state = defaultStateDir(env);
  const text = await readIfThere(join(state, 'head.json'));
  if (text === null) return null;
  const { url, pid, tokenFile, caFile } = readObject(text);
  if (typeof url !== 'string' || !URL.canParse(url)) return null;
  const path = typeof tokenFile === 'string' ? tokenFile : 'admin.token';
  const token = (await readIfThere(isAbsolute(path) ? path : join(state, path)))?.trim();
  return {
    url: parseTarget(url).url,
    token: token || undefined,
    ca: typeof caFile === 'string' ? (parseCa((await readIfThere(caFile)) ?? '') ?? undefined) : undefined,
    alive: typeof pid === 'number' && (await isHead(pid)),
  };
}

type Context = Pick<FoundHead, 'url' | 'token' | 'context' | 'project' | 'ca'>;

async function readContext(
  env: Readonly<Record<string, string | undefined>>,
  wanted: string | undefined,
): Promise<Context | null> {
  const path = configPath(env);
  const text = await readIfThere(path);
  if (text === null) {
    if (wanted !== undefined) throw invalid('context', `no context "${wanted}": there is no ${path}`);
    return null;
  }
  const { current, contexts } = parseConfig(text, path);
  const name = wanted ?? current;
  if (name === undefined || name === '') return null;
  if (typeof name !== 'string') throw invalid('current', `the name of a context in ${path}`, name);
  const context = asObject(asObject(contexts)[name]);
  const { url, token, tokenFile, project, ca, caFile } = context;
  if (typeof url !== 'string') throw invalid(`contexts.${name}.url`, `needed in ${path}`);
  if (tokenFile !== undefined && typeof tokenFile !== 'string') {
    throw invalid(`contexts.${name}.tokenFile`, `the path of a file in ${path}`, tokenFile);
  }
  if (token !== undefined && typeof token !== 'string')
    throw invalid(`contexts.${name}.token`, `a string in ${path}`);
  const fromFile = tokenFile === undefined ? undefined : await readTokenFile(tokenFile, path, name);
  if ((token ?? parseTarget(url).token) !== undefined) await assertPrivate(path);
  const target = parseTarget(url, token ?? fromFile);
  if (project !== undefined && (typeof project !== 'string' || !isPlainName(project)))
    throw invalid(`contexts.${name}.project`, `${PLAIN_NAME_RULE}, in ${path}`, project);
  return { ...target, context: name, project, ca: await contextCa({ ca, caFile }, path, name) };
}

async function contextCa(
  { ca, caFile }: { readonly ca: unknown; readonly caFile: unknown },
  configFile: string,
  context: string,
): Promise<string | undefined> {
  for (const [key, value] of Object.entries({ ca, caFile }))
    if (value !== undefined && typeof value !== 'string')
      throw invalid(`contexts.${context}.${key}`, `a string in ${configFile}`, value);
  if (typeof ca === 'string') return requireCa(ca, `contexts.${context}.ca`);
  if (typeof caFile !== 'string') return undefined;
  return await readCa(expand(caFile), `contexts.${context}.caFile`, join(configFile, '..'));
}

const expand = (path: string): string => (path.startsWith('~/') ? join(homedir(), path.slice(2)) : path);

async function readTokenFile(tokenFile: string, configFile: string, context: string): Promise<string> {
  const expanded = expand(tokenFile);
  const path = isAbsolute(expanded) ? expanded : join(configFile, '..', expanded);
  const text = await readIfThere(path);
  if (text === null) throw invalid(`contexts.${context}.tokenFile`, `there is no ${path}`);
  await assertPrivate(path, 'group');
  return text.trim();
}

async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EACCES') return null;
    throw invalid(path, `cannot be read: ${(error as Error).message}`);
  }
}

function readObject(text: string): Record<string, unknown> {
  try {
    return asObject(JSON.parse(text));
  } catch {
    return {};
  }
}

const asObject = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};

/**
 * Whether that process lives and is a head. Linux tells a zombie, and another process that has got the number of a head
 * that was killed; elsewhere, and where /proc says nothing, whatever lives counts.
 */
async function isHead(pid: number): Promise<boolean> {
  if (!Number.isInteger(pid) || pid < 1) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it lives and belongs to another user.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  const [stat, commandLine] = await Promise.all(
    ['stat', 'cmdline'].map((name) => readFile(`/proc/${pid}/${name}`, 'utf8').catch(() => null)),
  );
  if (!stat || typeof commandLine !== 'string') return true;
  // The command's name in brackets before the state may hold anything.
  const state = stat[stat.lastIndexOf(')') + 2];
  return state !== 'Z' && state !== 'X' && commandLine.split('\0').includes('head');
}
