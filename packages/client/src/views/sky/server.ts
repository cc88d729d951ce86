/** The functions of the seed for the server: here the head, and the herd on this machine. */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { invalid, isLoopback } from '@drover/core';
import { Client } from '../../client.ts';
import { configPath, useContext } from '../../local/config-file.ts';
import { defaultStateDir, findHead } from '../../local/find-head.ts';
import { runForeground, runProgram } from '../../local/run-program.ts';
import { parseTarget } from '../../transport/target.ts';
import { inSeedsWords } from './errors.ts';
import { notSupported } from './request-id.ts';
import { currentClient, startHerd } from './session.ts';

/** What {@link apiInfo} gives. */
export interface ApiInfo {
  status: 'healthy' | 'stalled';
  api_version: string;
  version: string;
  url: string;
  herd: string;
  user: { id: string; name: string };
}

/** The head that is meant. stalled: it cannot write its state now. */
export async function apiInfo(): Promise<ApiInfo> {
  return await inSeedsWords(async () => {
    const client = await currentClient();
    const { store, version, herd } = await client.head.get();
    const status = store.status === 'ok' ? 'healthy' : 'stalled';
    const { user } = await client.head.whoami();
    return {
      status,
      api_version: 'v1',
      version,
      url: client.url,
      herd,
      user: { id: user.id, name: user.name },
    };
  });
}

/**
 * Starts a herd on this machine. It outlives this process, but for `foreground`: then the call returns when its head has
 * ended. With `deploy`, or another `host` than loopback, other machines reach it, by TLS with an authority of its own:
 * `drover join-token create` and `drover token create` print what they need. One that runs stays bound where it is, which
 * is said on stderr when it is not where it was wished.
 */
export async function apiStart({
  deploy = false,
  host = '127.0.0.1',
  foreground = false,
}: {
  deploy?: boolean | undefined;
  host?: string | undefined;
  foreground?: boolean | undefined;
} = {}): Promise<void> {
  const address = deploy ? '0.0.0.0' : host;
  await inSeedsWords(async () => {
    if (foreground) await runForeground(['head', ...bindingTo(address)]);
    else await startHerd(address);
  });
}

const bindingTo = (host: string): string[] =>
  isLoopback(host) ? ['--host', host] : ['--host', host, '--tls'];

/** As `drover down`: ends the instances of the herd on this machine, then its workers and head. */
export async function apiStop(): Promise<void> {
  await inSeedsWords(async () => void (await runProgram(['down', '--json'])));
}

/** Prints the log of the head of this machine, as it is now. @throws {NotSupportedError} there is none here */
export async function apiServerLogs(): Promise<void> {
  await inSeedsWords(async () => {
    const path = join(defaultStateDir(), 'head.log');
    const file = await open(path).catch(() => null);
    if (file === null) notSupported(`there is no ${path}: a head elsewhere writes its log where it runs`);
    for await (const line of file.readLines()) process.stdout.write(`${line}\n`);
  });
}

/**
 * Keeps the address of a head for this user, and chooses it: in `~/.config/drover/config.toml`, readable for its owner
 * only. User info (`http://any:TOKEN@host`) is kept as its token.
 * @throws {ValueError} no address @throws {ApiServerConnectionError} no head there
 * @throws {CloudUserIdentityError} it does not take the token
 */
export async function apiLogin({
  endpoint = null,
}: {
  endpoint?: string | null | undefined;
} = {}): Promise<void> {
  await inSeedsWords(async () => {
    if (endpoint === null)
      throw invalid('endpoint', 'needed: the address of a head, such as http://1.2.3.4:3768');
    const { url, token = process.env.DROVER_TOKEN || undefined } = parseTarget(endpoint);
    const { ca, fetch } = await findHead({ url });
    await new Client({ url, token, fetch, retryMs: 0 }).head.get({ signal: AbortSignal.timeout(10_000) });
    await useContext(configPath(), new URL(url).host, {
      url,
      ...(token !== undefined && { token }),
      ...(ca !== undefined && { ca }),
    });
  });
}
