/** Every call as a request: its id at once, what it gives or throws by `get`, here or in another process. */
import { DroverError, type ErrorCode, isDroverError } from '@drover/core';
import type { Client } from '../../client.ts';
import { inSeedsWords } from './errors.ts';
import { currentClient } from './session.ts';

declare const RESULT: unique symbol;

/** The id of a request; `Result` is what `get` gives for it. At run time it is a plain string. */
export type RequestId<Result = unknown> = string & { readonly [RESULT]?: Result };

/** These say that no request could be made: they are thrown by the call itself. */
const AT_ONCE: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'HEAD_UNREACHABLE',
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'TOO_MANY_REQUESTS',
  'STORE_FULL',
  'SHUTTING_DOWN',
  'BODY_TOO_LARGE',
  'PROTOCOL',
  'INTERNAL',
]);

type Settled = { readonly result: unknown } | { readonly id: string };

/**
 * Makes the call. One that is a request of the head gives `{ id }`; a short one gives `{ result }`, which is kept at the
 * head as a request that has ended. An error is kept in the same way, for `get` to throw.
 * @throws {ApiServerConnectionError} @throws {CloudUserIdentityError} @throws {RuntimeError} the head is full or stops
 */
export async function asRequest<Result>(
  name: string,
  cluster: string | null,
  call: (client: Client) => Promise<Settled>,
): Promise<RequestId<Result>> {
  return await inSeedsWords(async () => {
    const client = await currentClient();
    let outcome: Settled | { readonly error: DroverError };
    try {
      outcome = await call(client);
    } catch (error) {
      if (!isDroverError(error) || AT_ONCE.has(error.code)) throw error;
      outcome = { error };
    }
    if ('id' in outcome) return outcome.id;
    const named = { name, cluster: typeof cluster === 'string' ? cluster.slice(0, 200) : null };
    if ('result' in outcome) return (await client.requests.record({ ...named, ...outcome })).id;
    const { code, message, details } = outcome.error;
    return (await client.requests.record({ ...named, error: { code, message, details: { ...details } } })).id;
  });
}

/** @throws {DroverError} NOT_SUPPORTED, always */
export function notSupported(rule: string): never {
  throw new DroverError('NOT_SUPPORTED', { rule });
}

/** Refuses what is asked for and cannot be had: nothing is ignored. @throws {DroverError} NOT_SUPPORTED */
export function refuse(asked: Readonly<Record<string, readonly [value: unknown, rule: string]>>): void {
  for (const [name, [value, rule]] of Object.entries(asked))
    if (value !== null && value !== false && value !== undefined) notSupported(`${name}: ${rule}`);
}
