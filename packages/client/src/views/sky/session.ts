import { Client } from '../../client.ts';
import { findHead } from '../../local/find-head.ts';
import { runProgram } from '../../local/run-program.ts';

let held: { readonly key: string; readonly client: Client } | undefined;
let starting: Promise<void> | undefined;

/**
 * The head that is meant: `DROVER_HEAD`, the context of `~/.config/drover/config.toml`, a head of this user on this
 * machine. Where none is known and none answers, a herd on this machine is started, which is said on stderr. It is
 * looked for anew at each call, so a login or another herd counts from then on.
 */
export async function currentClient(): Promise<Client> {
  let found = await findHead();
  if (found.source === 'default' && !(await answers(found.url))) {
    starting ??= startHerd().finally(() => {
      starting = undefined;
    });
    await starting;
    found = await findHead();
  }
  const { url, token, ca, project, fetch } = found;
  const key = JSON.stringify([url, token, ca, project, process.env.DROVER_USER]);
  if (held?.key !== key) held = { key, client: new Client({ url, token, project, fetch }) };
  return held.client;
}

/** As `drover up`: starts what is missing of the herd on this machine. It outlives this process. @param host default: as before */
export async function startHerd(host?: string): Promise<void> {
  process.stderr.write('drover: starting a herd on this machine ("drover down" ends it)\n');
  await runProgram(['up', '--json', ...(host === undefined ? [] : ['--host', host])]);
}

/** True when something at that address is a head, or at least speaks. */
async function answers(url: string): Promise<boolean> {
  try {
    await (await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(2000) })).text();
    return true;
  } catch {
    return false;
  }
}
