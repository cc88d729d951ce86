/** The functions of the seed for the server: here the head, and the herd on this machine. */
import { join } from 'node:path';
import { invalid } from '@drover/core';
import { Client } from '../../client.ts';
import { configPath, defaultStateDir, findHead } from '../../local/find-head.ts';
import { runProgram } from '../../local/run-program.ts';
import { useContext } from '../../local/use-context.ts';
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
}

/** The head that is meant. stalled: it cannot write its state now. */
export async function apiInfo(): Promise<ApiInfo> {
  return await inSeedsWords(async () => {
    const client = await currentClient();
    const { store, version, herd } = await client.head.get();
    const status = store.status === 'ok' ? 'healthy' : 'stalled';
    return { status, api_version: 'v1', version, url: client.url, herd };
  });
}

/**
 * Starts a herd on this machine; does nothing where it runs. It outlives this process.
 * @throws {NotSupportedError} a head for other machines, or in the foreground: `drover head` is both
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
  await inSeedsWords(async () => {
    if (deploy || host !== '127.0.0.1')
      notSupported(
        'a head for other machines is started with "drover head --host", where its certificate is named',
      );
    if (foreground) notSupported('"drover head" runs a head in the foreground');
    await startHerd();
  });
}

/** As `drover down`: ends the instances of the herd on this machine, then its workers and head. */
export async function apiStop(): Promise<void> {
  await inSeedsWords(async () => void (await runProgram(['down', '--json'])));
}

/** @throws {NotSupportedError} always: it says where the log lies */
export async function apiServerLogs(): Promise<never> {
  return await inSeedsWords(async () =>
    notSupported(
      `the head writes its log where it runs; of a herd on this machine it is ${join(defaultStateDir(), 'head.log')}`,
    ),
  );
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
