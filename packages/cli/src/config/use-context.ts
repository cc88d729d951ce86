import type { Call } from '../call.ts';
import { EXIT, Failure } from '../errors.ts';
import { tableOf } from '../settings/file.ts';
import { nearest } from '../values/nearest.ts';
import { writeConfigFile } from './write.ts';

/** `drover config use-context NAME`; an empty name chooses none. */
export async function useContext(call: Call): Promise<number> {
  const { config, terminal } = call;
  const name = call.args[0] ?? '';
  const { current: _, ...rest } = config.values;
  if (name === '') {
    writeConfigFile(config, rest);
    terminal.out('no context is chosen now');
    return 0;
  }
  const contexts = tableOf(config, 'contexts') ?? {};
  if (!Object.hasOwn(contexts, name)) {
    const near = nearest(name, Object.keys(contexts));
    const hint =
      near === null ? 'make it with "drover config set-context NAME --url URL"' : `did you mean ${near}?`;
    throw new Failure(`no context "${name}" in ${config.path}`, { exitCode: EXIT.notFound, hint });
  }
  writeConfigFile(config, { current: name, ...rest });
  terminal.out(`context ${name} is in use`);
  return 0;
}
