/** What a worker needs on a host, copied there where it is missing. */
import { ProviderError } from '@drover/engine';
import type { SshConnection } from './connection.ts';
import type { SshHost } from './pools.ts';
import type { HostFacts } from './probe.ts';
import type { Runtime } from './runtime.ts';
import { checkScript, unpackCommand } from './scripts.ts';

/** The program on the host, and the Node that runs it: the one of this head, else the host's own. */
export async function installRuntime(
  host: SshHost,
  facts: HostFacts,
  connection: SshConnection,
  runtime: Runtime,
): Promise<{ runtime: string; node: string | null }> {
  let why = `this head runs on ${runtime.arch}, and ${host.name} is ${facts.arch}`;
  if (facts.arch === runtime.arch) {
    const name = `${runtime.hash}-node`;
    why = await copy(host, connection, name, runtime, true);
    if (why === '') return { runtime: name, node: null };
  }
  if (facts.node === null)
    throw new ProviderError(
      'INVALID',
      `${host.name} has no Node 20.19 or newer, and the one of this head does not run there (${why}): install Node there`,
    );
  const trouble = await copy(host, connection, runtime.hash, runtime, false);
  if (trouble !== '') throw new ProviderError('INVALID', `${host.name}: ${trouble}`);
  return { runtime: runtime.hash, node: facts.node };
}

/** @returns why its Node does not run there; empty when it does. @throws {ProviderError} when it cannot be copied */
async function copy(
  host: SshHost,
  connection: SshConnection,
  name: string,
  runtime: Runtime,
  withNode: boolean,
): Promise<string> {
  const check = async (): Promise<string> =>
    (await connection.run(checkScript(name, withNode))).stdout.trim();
  let state = await check();
  if (state === 'missing') {
    const { code, stderr } = await connection.feed(unpackCommand(name), await runtime.open(withNode));
    if (code !== 0)
      throw new ProviderError(
        'INVALID',
        `${host.name}: the program could not be copied to ~/.drover: ${lastLine(stderr) || `exit code ${code}`}`,
      );
    state = await check();
  }
  return state === 'there' ? '' : state.replace(/^broken /, '') || 'it does not run';
}

/** What a failed command said last. */
export const lastLine = (text: string): string => text.trim().split('\n').at(-1)?.slice(0, 300) ?? '';
