import { resolve } from 'node:path';
import { Client } from '@drover/client';
import { changeConfigFile, readCa } from '@drover/client/local';
import type { Call } from '../call.ts';
import { UsageError } from '../errors.ts';
import { tableIn } from '../settings/file.ts';

/** `drover config set-context NAME --url URL --token-file FILE --ca CA --project NAME`. What is not given stays as it was. */
export async function setContext(call: Call): Promise<number> {
  const { config, terminal } = call;
  const name = call.args[0] ?? '';
  const flags = call.command.opts<{
    readonly url?: string;
    readonly tokenFile?: string;
    readonly ca?: string;
    readonly project?: string;
  }>();
  if (!/^[\w.-]{1,64}$/.test(name))
    throw new UsageError(`"${name}" cannot be the name of a context`, 'letters, digits, _ . and -');
  // Constructing a client checks address and project.
  const url = flags.url === undefined ? undefined : new Client({ url: flags.url }).url;
  if (flags.project) new Client({ project: flags.project });
  const ca = flags.ca ? await readCa(flags.ca) : undefined;
  let used = '';
  await changeConfigFile(config.path, (values) => {
    const contexts = tableIn(config.path, values, 'contexts') ?? {};
    const before = contexts[name];
    const old = typeof before === 'object' && before !== null ? (before as Record<string, unknown>) : {};
    if (url === undefined && old.url === undefined) throw new UsageError('a new context needs --url');
    used = url ?? String(old.url);
    const next: Record<string, unknown> = { ...old, url: used };
    // Of two ways to say one thing the newer holds.
    if (flags.tokenFile !== undefined) {
      delete next.token;
      next.tokenFile = resolve(flags.tokenFile);
    }
    if (flags.ca !== undefined) {
      delete next.caFile;
      delete next.ca;
      if (ca !== undefined) next.ca = ca;
    }
    if (flags.project !== undefined) delete next.project;
    if (flags.project) next.project = flags.project;
    return { ...values, contexts: { ...contexts, [name]: next } };
  });
  terminal.out(`context ${name} is ${used}; choose it with "drover config use-context ${name}"`);
  return 0;
}
