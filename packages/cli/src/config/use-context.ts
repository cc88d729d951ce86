import { changeConfigFile } from '@drover/client/local';
import type { Call } from '../call.ts';
import { EXIT, Failure } from '../errors.ts';
import { tableIn } from '../settings/file.ts';
import { nearest } from '../values/nearest.ts';

/** `drover config use-context NAME`; an empty name chooses none. */
export async function useContext(call: Call): Promise<number> {
  const { config, terminal } = call;
  const name = call.args[0] ?? '';
  await changeConfigFile(config.path, (values) => {
    const { current: _, ...rest } = values;
    if (name === '') return rest;
    const contexts = tableIn(config.path, values, 'contexts') ?? {};
    if (Object.hasOwn(contexts, name)) return { current: name, ...rest };
    const near = nearest(name, Object.keys(contexts));
    const hint =
      near === null ? 'make it with "drover config set-context NAME --url URL"' : `did you mean ${near}?`;
    throw new Failure(`no context "${name}" in ${config.path}`, { exitCode: EXIT.notFound, hint });
  });
  terminal.out(name === '' ? 'no context is chosen now' : `context ${name} is in use`);
  return 0;
}
