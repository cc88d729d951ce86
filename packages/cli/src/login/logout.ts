import { type DroverError, isDroverError } from '@drover/client';
import { changeConfigFile, type FoundHead } from '@drover/client/local';
import type { Call, ClientFlags } from '../call.ts';
import { clientOf, locateHead } from '../connect.ts';
import { EXIT, exitCodeOf, Failure } from '../errors.ts';
import { printJson, wantsJson } from '../output.ts';
import { tableIn } from '../settings/file.ts';

/** What became of the token at the head. */
interface Outcome {
  readonly said: string;
  /** It stays good, and nobody holds it up to revoke it any more. */
  readonly failure?: DroverError;
}

/** Where a context may have its token. */
type Context = Readonly<Record<'token' | 'tokenFile' | 'url', unknown>>;

/**
 * `drover logout`: forgets the token of the context, and revokes it at the head. A head that cannot be reached or takes
 * it no more does not hold up the forgetting; it is said, and left with another code than 0.
 */
export async function logout(call: Call): Promise<number> {
  const { config, terminal, env } = call;
  const flags = call.command.opts<ClientFlags & { readonly keep?: boolean }>();
  const chosen = flags.context ?? (env.DROVER_CONTEXT || config.values.current);
  const name = typeof chosen === 'string' && chosen !== '' ? chosen : undefined;
  const before = name === undefined ? undefined : contextIn(config.path, config.values, name);
  if (name === undefined || before === undefined)
    throw new Failure(
      name === undefined ? 'no context is in use' : `no context "${name}" in ${config.path}`,
      {
        exitCode: EXIT.notFound,
      },
    );
  // What the environment names is another head, another token or another authority.
  const others = { DROVER_HEAD: undefined, DROVER_TOKEN: undefined, DROVER_CA: undefined };
  const found = await locateHead({ context: name }, { ...env, ...others });
  const hadToken = found.token !== undefined;
  const outcome = !hadToken
    ? { said: 'it held no token' }
    : flags.keep
      ? { said: 'its token is kept at the head' }
      : await revoke(found);
  await changeConfigFile(config.path, (values) => {
    const now = contextIn(config.path, values, name);
    // Who has logged in again meanwhile stays so.
    if (now === undefined || now.token !== before.token) return values;
    return {
      ...values,
      contexts: { ...tableIn(config.path, values, 'contexts'), [name]: withoutToken(now) },
    };
  });
  const file = typeof before.tokenFile === 'string' ? `; ${before.tokenFile} holds it still` : '';
  const { said, failure } = outcome as Outcome;
  if (wantsJson(call)) printJson(call, { context: name, hadToken, outcome: said });
  else if (!hadToken) terminal.say(`context ${name} holds no token`);
  else terminal.out(`logged out of ${name}; ${said}${file}`);
  return failure === undefined ? EXIT.ok : exitCodeOf(failure);
}

function contextIn(
  path: string,
  values: Readonly<Record<string, unknown>>,
  name: string,
): Context | undefined {
  const contexts = tableIn(path, values, 'contexts') ?? {};
  const context = Object.hasOwn(contexts, name) ? contexts[name] : undefined;
  return typeof context === 'object' && context !== null ? (context as Context) : undefined;
}

/** A token may also stand in the address. */
function withoutToken({ token: _, tokenFile: __, url, ...rest }: Context): Record<string, unknown> {
  return { ...rest, url: typeof url === 'string' ? url.replace(/\/\/[^/?#]*@/, '//') : url };
}

/** Of no project: also who is let into none any more may log out. */
async function revoke(found: FoundHead): Promise<Outcome> {
  try {
    await clientOf({ ...found, project: null }, 0).tokens.revoke('current');
    return { said: 'its token is revoked' };
  } catch (error) {
    if (!isDroverError(error)) throw error;
    if (error.code === 'TOKEN_NOT_FOUND') return { said: "its token is the head's own, and stays good" };
    if (error.code === 'UNAUTHENTICATED') return { said: 'the head took its token no more' };
    const begins = found.token?.slice(0, 8) ?? '';
    return {
      said: `its token ${begins}... could not be revoked (${error.message}): find it with "drover token list", and revoke it with "drover token revoke"`,
      failure: error,
    };
  }
}
