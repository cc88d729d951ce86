import { resolve } from 'node:path';
import { Client } from '@drover/client';
import { readCa } from '@drover/client/local';
import type { Call } from '../call.ts';
import { UsageError } from '../errors.ts';
import { tableOf } from '../settings/file.ts';
import { writeConfigFile } from './write.ts';

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
  const contexts = tableOf(config, 'contexts') ?? {};
  const before = contexts[name];
  const old = typeof before === 'object' && before !== null ? (before as Record<string, unknown>) : {};
  // Constructing a client checks address and project.
  const url = flags.url === undefined ? old.url : new Client({ url: flags.url }).url;
  if (flags.project) new Client({ project: flags.project });
  if (url === undefined) throw new UsageError('a new context needs --url');
  const tokenFile = flags.tokenFile === undefined ? {} : { tokenFile: resolve(flags.tokenFile) };
  const { caFile, project: earlier, ...rest } = old;
  const project = flags.project ?? earlier;
  const ca =
    flags.ca === undefined ? { ...(caFile !== undefined && { caFile }) } : { ca: await readCa(flags.ca) };
  writeConfigFile(config, {
    ...config.values,
    contexts: {
      ...contexts,
      [name]: {
        ...rest,
        url,
        ...tokenFile,
        ...ca,
        ...(typeof project === 'string' && project !== '' && { project }),
      },
    },
  });
  terminal.out(`context ${name} is ${String(url)}; choose it with "drover config use-context ${name}"`);
  return 0;
}
