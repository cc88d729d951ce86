import { closeSync, openSync, readSync } from 'node:fs';
import { text as readAll } from 'node:stream/consumers';
import { Client } from '@drover/client';
import { useContext } from '@drover/client/local';
import type { Call, ClientFlags } from '../call.ts';
import { locateHead, openClient } from '../connect.ts';
import { UsageError } from '../errors.ts';
import { printJson, wantsJson } from '../output.ts';
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
  const name = flags.name ?? flags.context;
  if (name !== undefined && !/^[\w.-]{1,64}$/.test(name))
    throw new UsageError(`"${name}" cannot be the name of a context`, 'letters, digits, _ . and -');
  refuseToldTokens(flags, args[0]);
  const found = await locateHead({ ...flags, ...(args[0] !== undefined && { head: args[0] }) }, call.env);
  const token = await tokenFrom(call, flags);
  const client = openClient({ ...found, token }, 0);
  const me = await client.head.whoami();
  const key = name ?? new URL(client.url).host.replace(/[^\w.-]/g, '-');
  await useContext(config.path, key, {
    url: client.url,
    token,
    ...(found.ca !== undefined && { ca: found.ca }),
    ...(flags.project !== undefined && { project: flags.project }),
  });
  if (wantsJson(call))
    printJson(call, { context: key, url: client.url, user: me.user.name, project: me.project });
  else
    terminal.out(
      `${me.user.name} (${me.role} in project ${me.project}) at ${client.url}; context ${key} is in use`,
    );
  return 0;
}

/** @throws {UsageError} for a token on the command line */
function refuseToldTokens({ token, head }: Flags, url: string | undefined): void {
  const isInUrl = [url, head].some((each) => each !== undefined && /^(?:[^/]*\/\/)?[^/?#]*@/.test(each));
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
