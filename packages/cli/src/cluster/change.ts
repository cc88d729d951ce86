/** `drover cluster stop | down | start`. */
import type { Client, RequestFuture } from '@drover/client';
import { confirm } from '../ask.ts';
import type { Call, ClientFlags } from '../call.ts';
import { connect, PATIENT_MS } from '../connect.ts';
import { exitCodeOf, renderError } from '../errors.ts';
import { printJson } from '../output.ts';
import { followRequest } from '../request/follow.ts';
import { chooseClusters } from './choose.ts';
import { commandOf } from './command-of.ts';

interface Flags extends ClientFlags {
  readonly all?: boolean;
  readonly purge?: boolean;
  readonly async?: boolean;
  readonly yes?: boolean;
  readonly idleMinutesToAutostop?: number;
  readonly down?: boolean;
  readonly retryUntilUp?: boolean;
  readonly force?: boolean;
}

type Act = (client: Client, name: string, flags: Flags) => Promise<RequestFuture<unknown>>;

export async function stop(call: Call): Promise<number> {
  return await forEach(call, 'Stop', async (client, name, { purge }) =>
    client.clusters.stop(name, { purge: purge ?? false, command: commandOf(call) }),
  );
}

export async function down(call: Call): Promise<number> {
  return await forEach(call, 'Tear down', async (client, name, { purge }) =>
    client.clusters.down(name, { purge: purge ?? false, command: commandOf(call) }),
  );
}

export async function start(call: Call): Promise<number> {
  return await forEach(call, null, async (client, name, flags) => {
    const idleMinutes = flags.idleMinutesToAutostop;
    const autostop = idleMinutes === undefined ? null : { idleMinutes, down: flags.down ?? false };
    const body = { autostop, retryUntilUp: flags.retryUntilUp ?? false, force: flags.force ?? false };
    return await client.clusters.start(name, body, { command: commandOf(call) });
  });
}

/** @param question the verb of the question; null: nothing is asked */
async function forEach(call: Call, question: string | null, act: Act): Promise<number> {
  const flags = call.command.opts<Flags>();
  const client = await connect(call, PATIENT_MS);
  const chosen = await chooseClusters(client, call.args, flags.all);
  if (chosen.length === 0) {
    call.terminal.say('no cluster matches');
    return 0;
  }
  const names = chosen.map(({ name }) => name);
  if (question !== null && !(await confirm(call, `${question} ${names.join(', ')}?`, flags.yes))) return 1;
  const begun = await Promise.all(
    names.map(async (name) => {
      try {
        return { name, future: await act(client, name, flags) };
      } catch (error) {
        return { name, error };
      }
    }),
  );
  let code = 0;
  for (const each of begun) {
    const result = 'error' in each ? fail(call, each.error) : await show(call, client, each.future, flags);
    code = code === 0 ? result : code;
  }
  return code;
}

async function show(
  call: Call,
  client: Client,
  future: RequestFuture<unknown>,
  flags: Flags,
): Promise<number> {
  if (flags.async) {
    if (flags.json) printJson(call, { request: future.id });
    else call.terminal.out(future.id);
    return 0;
  }
  try {
    const outcome = await followRequest(call, client.url, future, flags.json);
    if ('exitCode' in outcome) return outcome.exitCode;
    if (flags.json) printJson(call, { request: future.id, result: outcome.value });
    return 0;
  } catch (error) {
    return fail(call, error);
  }
}

function fail(call: Call, error: unknown): number {
  call.terminal.say(renderError(error, call.command.opts<Flags>().json ?? false));
  return exitCodeOf(error);
}
