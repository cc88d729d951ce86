import type { Call, ClientFlags } from '../call.ts';
import { locateHead } from '../connect.ts';
import { printJson } from '../output.ts';
import { isSecret } from '../settings/secret.ts';
import { stateRoot } from '../settings/state.ts';
import { formatTable } from '../text/table.ts';

interface Setting {
  readonly name: string;
  readonly value: string;
  readonly source: string;
}

/** `drover config show`: the settings of the client side, each with where it comes from. No secret is shown. */
export async function show(call: Call): Promise<number> {
  const flags = call.command.opts<ClientFlags>();
  const { env, terminal, config } = call;
  const found = await locateHead(flags, env);
  const sources = {
    option: 'flag',
    environment: 'env DROVER_HEAD',
    context: `file ${config.path}`,
    local: 'a head on this machine',
    default: 'default',
  };
  const tokenSource = flags.token ? 'flag' : env.DROVER_TOKEN ? 'env DROVER_TOKEN' : sources[found.source];
  const context = flags.context ? 'flag' : env.DROVER_CONTEXT ? 'env DROVER_CONTEXT' : `file ${config.path}`;
  const settings: Setting[] = [
    { name: 'head', value: found.url, source: sources[found.source] },
    {
      name: 'token',
      value: found.token === undefined ? 'none' : 'set',
      source: found.token === undefined ? 'default' : tokenSource,
    },
    {
      name: 'ca',
      value: found.ca === undefined ? 'none' : 'set',
      source: flags.ca ? 'flag' : env.DROVER_CA ? 'env DROVER_CA' : sources[found.source],
    },
    {
      name: 'context',
      value: found.context ?? 'none',
      source: found.context === undefined ? 'default' : context,
    },
    { name: 'state', value: stateRoot(env), source: stateSource(env) },
    { name: 'json', value: String(flags.json ?? false), source: jsonSource(call) },
    {
      name: 'color',
      value: env.NO_COLOR ? 'never' : 'on a terminal',
      source: env.NO_COLOR ? 'env NO_COLOR' : 'default',
    },
    {
      name: 'debug',
      value: String(env.DROVER_DEBUG === '1'),
      source: env.DROVER_DEBUG ? 'env DROVER_DEBUG' : 'default',
    },
    ...storedSettings(call),
  ];
  if (flags.json) {
    printJson(call, Object.fromEntries(settings.map(({ name, value, source }) => [name, { value, source }])));
    return 0;
  }
  const lines = formatTable<Setting>(
    [
      { title: 'SETTING', value: ({ name }) => name },
      { title: 'VALUE', value: ({ value }) => value, min: 12 },
      { title: 'SOURCE', value: ({ source }) => source, min: 8, drop: 1 },
    ],
    settings,
    terminal.columns,
  );
  for (const line of lines) terminal.out(line);
  return 0;
}

const stateSource = (env: Call['env']): string =>
  env.DROVER_STATE ? 'env DROVER_STATE' : env.XDG_STATE_HOME ? 'env XDG_STATE_HOME' : 'default';

function jsonSource(call: Call): string {
  const source = call.command.getOptionValueSource('json');
  return source === 'cli' ? 'flag' : source === 'env' ? 'env DROVER_JSON' : 'default';
}

/** Flags of other verbs that the file sets. */
function storedSettings({ config }: Call): Setting[] {
  return Object.entries(config.values).flatMap(([verb, table]) => {
    if (verb === 'contexts' || typeof table !== 'object' || table === null) return [];
    return Object.entries(table).map(([key, value]) => ({
      name: `${verb}.${key}`,
      value: isSecret(verb, key, value) ? 'set' : String(value),
      source: `file ${config.path}`,
    }));
  });
}
