import { isDroverError } from '@drover/client';
import { changeConfigFile } from '@drover/client/local';
import type { Call, ClientFlags } from '../call.ts';
import { locateHead, openClient } from '../connect.ts';
import { EXIT, Failure } from '../errors.ts';
import { printJson, wantsJson } from '../output.ts';
import { tableIn, tableOf } from '../settings/file.ts';

/**
 * `drover logout`: forgets the token of the context, and revokes it at the head. A head that cannot be reached or takes
 * it no more does not hold up the forgetting; it is said.
 */
export async function logout(call: Call): Promise<number> {
  const { config, terminal } = call;
  const flags = call.command.opts<ClientFlags & { readonly keep?: boolean }>();
  const name = flags.context ?? (config.values.current as string | undefined);
  const contexts = tableOf(config, 'contexts') ?? {};
  const context = name === undefined ? undefined : (contexts[name] as Record<string, unknown> | undefined);
  if (name === undefined || context === undefined)
    throw new Failure(
      name === undefined ? 'no context is in use' : `no context "${name}" in ${config.path}`,
      {
        exitCode: EXIT.notFound,
      },
    );
  const { token } = context;
  const revoked = token === undefined || flags.keep ? null : await revoke(call, name);
  await changeConfigFile(config.path, (values) => {
    const now = tableIn(config.path, values, 'contexts') ?? {};
    const { token: held, ...rest } = (now[name] ?? {}) as Record<string, unknown>;
    // Who has logged in again meanwhile stays so.
    return held === token ? { ...values, contexts: { ...now, [name]: rest } } : values;
  });
  const outcome = revoked ?? (token === undefined ? 'it held no token' : 'its token is kept at the head');
  if (wantsJson(call)) printJson(call, { context: name, hadToken: token !== undefined, outcome });
  else if (token === undefined) terminal.say(`context ${name} holds no token`);
  else terminal.out(`logged out of ${name}${revoked === null ? '' : `; ${revoked}`}`);
  return 0;
}

async function revoke(call: Call, context: string): Promise<string> {
  try {
    // What the environment names is another head, or another token.
    const env = { ...call.env, DROVER_HEAD: undefined, DROVER_TOKEN: undefined };
    await openClient(await locateHead({ context }, env), 0).tokens.revoke('current');
    return 'its token is revoked';
  } catch (error) {
    if (!isDroverError(error)) throw error;
    if (error.code === 'TOKEN_NOT_FOUND') return "its token is the head's own, and stays good";
    if (error.code === 'UNAUTHENTICATED') return 'the head took its token no more';
    return `its token could not be revoked (${error.message}): do it with "drover token revoke"`;
  }
}
