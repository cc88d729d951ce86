/** The head for a first long command: where none is known, a herd on this machine is started. */
import type { Client } from '@drover/client';
import type { Call, ClientFlags } from '../call.ts';
import { locateHead, openClient, PATIENT_MS } from '../connect.ts';
import { leanFetch } from '../http/fetch.ts';

/** The head that is meant; where none is known and none answers, a herd on this machine is started. */
export async function openHead(call: Call, flags: ClientFlags): Promise<{ client: Client; patient: Client }> {
  let found = await locateHead(flags, call.env);
  if (found.source === 'default' && !(await answers(found.url))) {
    const { startHerd } = await import('./start.ts');
    call.terminal.say('drover: starting a herd on this machine ("drover down" ends it)');
    await startHerd(call.env, {}, () => undefined);
    found = await locateHead(flags, call.env);
  }
  return { client: openClient(found), patient: openClient(found, PATIENT_MS) };
}

/** True when something at the default address is a head, or at least speaks. */
async function answers(url: string): Promise<boolean> {
  try {
    await (await leanFetch(null)(`${url}/healthz`, { signal: AbortSignal.timeout(2000) })).text();
    return true;
  } catch {
    return false;
  }
}
