import { isDroverError } from '@drover/core';
import { Client } from '../../client.ts';
import { findHead } from '../../local/find-head.ts';
import { ConnectionError, NotInitializedError } from './errors.ts';

/** Where the seed's head listens; the last place to look. */
const SEED_URL = 'http://localhost:8000';
/** The seed promises an answer of `init` soon; a host that swallows packets would hold it for long. */
const INIT_MS = 5000;

let current: Client | undefined;

/**
 * Connects to a head; needed before any other call. A second call replaces the first. Starts nothing.
 * @param address default: `DROVER_HEAD`, the context of `~/.config/drover/config.toml`, a head of this user on this
 * machine, then `http://localhost:8000`
 * @param options `token`: default `DROVER_TOKEN`, or what lies beside the address that was found
 * @throws {ConnectionError} the head does not answer or refuses the token; nothing is initialised then
 */
export async function init(address?: string, { token }: { token?: string | undefined } = {}): Promise<void> {
  current = undefined;
  const signal = AbortSignal.timeout(INIT_MS);
  const found = await findHead({ url: address, token, fallbackUrl: SEED_URL }).catch(asConnectionError);
  try {
    const probe = new Client({ ...found, retryMs: 0 });
    await probe.head.get({ signal });
  } catch (error) {
    if (isDroverError(error)) throw new ConnectionError(error.message, { cause: error });
    if (!signal.aborted) throw error;
    throw new ConnectionError(`no answer from ${found.url} within ${INIT_MS / 1000} s`, { cause: error });
  }
  current = new Client(found);
}

/** The same with a client that there is already. @throws {ConnectionError} its head does not answer: nothing is initialised then */
export async function initWith(client: Client): Promise<void> {
  current = undefined;
  await client.head.get({ signal: AbortSignal.timeout(INIT_MS) }).catch(asConnectionError);
  current = client;
}

function asConnectionError(error: unknown): never {
  if (!isDroverError(error)) throw error;
  throw new ConnectionError(error.message, { cause: error });
}

/** Disconnects. Optional: a program that never calls it ends all the same, and instances go on either way. */
export async function shutdown(): Promise<void> {
  current = undefined;
}

/** Whether {@link init} has succeeded since the last {@link shutdown}. */
export function isInitialized(): boolean {
  return current !== undefined;
}

/** The client of the last {@link init}. @throws {NotInitializedError} */
export function currentClient(): Client {
  if (current === undefined) throw new NotInitializedError();
  return current;
}

/** Disconnects only if the connection is still to that head: of two clusters each ends its own. */
export function shutdownFrom(address: string): void {
  if (current?.url === address) current = undefined;
}
