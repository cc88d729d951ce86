import { closeSync, openSync, readSync } from 'node:fs';
import { text as readAll } from 'node:stream/consumers';
import { Client } from '@drover/client';
import { useContext } from '@drover/client/local';
import type { Call, ClientFlags } from '../call.ts';
import { clientOf, locateHead } from '../connect.ts';
import { UsageError } from '../errors.ts';
import { printJson, wantsJson } from '../output.ts';
import { tableOf } from '../settings/file.ts';
import { hasUserInfo } from '../settings/secret.ts';
import { readSecret } from './read-secret.ts';

type Flags = ClientFlags & { readonly name?: string; readonly tokenFile?: string; readonly project?: string };

/**
 * `drover login [URL]`: asks the head whether it takes the token, then keeps both as a context and chooses it. The token
 * comes from a file, from standard input, or is typed; never from the line that others see in the list of processes.
 */
export async function login(call: Call): Promise<number> {
  const { command, args, terminal, config } = call;
  const flags = command.opts<Flags>();
  if (args.length > 1) throw new UsageError(`unexpected word "${args[1]}"`);
  const wished = flags.name ?? flags.context;
  if (wished !== undefined && !/^[\w.-]{1,64}$/.test(wished))
    throw new UsageError(`"${wished}" cannot be the name of a context`, 'letters, digits, _ . and -');
  refuseToldTokens(flags, args[0]);
  const found = await locateHead({ ...flags, ...(args[0] !== undefined && { head: args[0] }) }, call.env);
  // With no address the context in use is renewed.
  const key = wished ?? found.context ?? new URL(found.url).host.replace(/[^\w.-]/g, '-');
  const project = flags.project ?? projectOf(config, key, found.url);
  const token = await tokenFrom(call, flags);
  const client = clientOf({ ...found, token, project: project ?? null }, 0);
  const me = await client.head.whoami();
  await useContext(config.path, key, {
    url: client.url,
    token,
    ...(found.ca !== undefined && { ca: found.ca }),
    ...(project !== undefined && { project }),
  });
  if (wantsJson(call))
    printJson(call, { context: key, url: client.url, user: me.user.name, project: me.project });
  else
    terminal.out(
      `${me.user.name} (${me.role} in project ${me.project}) at ${client.url}; context ${key} is in use`,
    );
  return 0;
}

/** What the context of that name says, if it is one of that head. */
function projectOf(config: Call['config'], key: string, head: string): string | undefined {
  const { url, project } = Object(tableOf(config, 'contexts')?.[key]) as Record<string, unknown>;
  return url === head && typeof project === 'string' ? project : undefined;
}

/** @throws {UsageError} for a token on the command line */
function refuseToldTokens({ token, head }: Flags, url: string | undefined): void {
  const isInUrl = [url, head].some((each) => each !== undefined && hasUserInfo(each));
  if (token === undefined && !isInUrl) return;
  throw new UsageError(
    'a token on the command line is seen by others in the list of processes, and stays in the history of the shell',
    'give it with --token-file FILE, or - for standard input, or type it when asked',
  );
}

async function tokenFrom(call: Call, flags: Flags): Promise<string> {
  const { tokenFile } = flags;
  const given = tokenFile === undefined ? call.env.DROVER_TOKEN : await read(tokenFile);
  const text = (
    tokenFile === undefined ? given || (await readSecret(call, 'token: ')) : (given ?? '')
  ).trim();
  // Constructing a client checks its form.
  if (text !== '') return new Client({ url: 'http://localhost', token: text }) && text;
  throw new UsageError(
    'no token came',
    'an admin makes one with "drover user create" or "drover token create"',
  );
}

/** A token has some forty characters; a pipe or a device has no end. */
const MOST_TOKEN_FILE_BYTES = 64 * 1024;

async function read(path: string): Promise<string> {
  if (path === '-') return await readAll(process.stdin);
  try {
    const file = openSync(path, 'r');
    try {
      const bytes = Buffer.alloc(MOST_TOKEN_FILE_BYTES + 1);
      let length = 0;
      for (let read = -1; read !== 0 && length < bytes.length; length += read)
        read = readSync(file, bytes, length, bytes.length - length, null);
      if (length > MOST_TOKEN_FILE_BYTES) throw new Error('it holds more than a token');
      return bytes.toString('utf8', 0, length);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw new UsageError(`--token-file ${path}: ${(error as Error).message}`);
  }
}
