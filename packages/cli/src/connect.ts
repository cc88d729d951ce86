import { Client } from '@drover/client';
import { type FoundHead, findHead } from '@drover/client/local';
import type { Call, ClientFlags, Env } from './call.ts';
import { leanFetch } from './http/fetch.ts';
import { headFolder } from './settings/state.ts';

/** Where the head is: flags, environment, context, a head of this user on this machine, the default address. */
export async function locateHead(flags: ClientFlags, env: Env): Promise<FoundHead> {
  const context = flags.context ?? (env.DROVER_HEAD ? undefined : env.DROVER_CONTEXT || undefined);
  return await findHead({
    url: flags.head,
    token: flags.token,
    project: flags.project,
    ca: flags.ca,
    context,
    env: { ...env, DROVER_STATE: headFolder(env) },
  });
}

/** A head that was named may be starting just now; where none is known there is nothing to wait for. */
const RETRY_MS = 2000;
/** Calls that wait go on over a restart of the head. */
export const PATIENT_MS = 300_000;

/** A client of the head that is meant. @param retryMs how long an unreachable head is tried again */
export async function connect(call: Call, retryMs?: number): Promise<Client> {
  return openClient(await locateHead(call.command.opts<ClientFlags>(), call.env), retryMs);
}

/** A client of the head at an address. @param head its project null: calls that are for none */
export function clientOf(
  head: Pick<FoundHead, 'url' | 'token' | 'ca'> & { readonly project?: string | null | undefined },
  retryMs: number,
): Client {
  const { url, token, ca, project } = head;
  return new Client({ url, token, project, retryMs, fetch: leanFetch(ca ?? null) });
}

/** A client of a head that was found. */
export function openClient(found: FoundHead, retryMs?: number): Client {
  const unknown = found.source === 'default';
  return clientOf(found, retryMs ?? (unknown ? 0 : RETRY_MS));
}
