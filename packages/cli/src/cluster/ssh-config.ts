/**
 * `drover cluster ssh-config`: entries for the nodes, in a file of Drover's own that the ssh configuration includes, so
 * that `ssh <cluster>` works. On ssh pools they lead to the host's own sshd; elsewhere there is none to lead to yet.
 */
import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { ClusterView, SshAccess } from '@drover/client';
import type { Call, ClientFlags } from '../call.ts';
import { connect } from '../connect.ts';
import { printJson } from '../output.ts';
import { chooseClusters } from './choose.ts';
import { sshPath, sshWord } from './ssh-words.ts';

const INCLUDE = 'Include drover_config';

export async function sshConfig(call: Call): Promise<number> {
  const flags = call.command.opts<ClientFlags & { readonly print?: boolean }>();
  const client = await connect(call);
  const chosen = await chooseClusters(client, call.args, call.args.length === 0);
  const hosts = new Map((await client.infra.sshAccess()).map((each) => [each.address, each]));
  const entries = chosen.flatMap((view) => entriesOf(view, hosts));
  if (flags.json) {
    printJson(call, entries);
    return 0;
  }
  const text = entries.map(entryText).join('\n');
  if (flags.print) {
    call.terminal.out(text.trimEnd());
    return 0;
  }
  const folder = join(homedir(), '.ssh');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, 'drover_config');
  await replaceFile(path, `# Written by "drover cluster ssh-config"; do not edit.\n${text}`);
  await include(join(folder, 'config'));
  for (const { alias, host } of entries) call.terminal.out(`ssh ${alias}  (${host})`);
  const without = chosen.filter((view) => !entries.some((entry) => entry.cluster === view.name));
  for (const view of without)
    call.terminal.say(
      `${view.name}: its nodes have no sshd that is known here (${view.infra ?? 'no infra'})`,
    );
  return 0;
}

interface Entry extends SshAccess {
  readonly cluster: string;
  readonly alias: string;
  readonly host: string;
}

/** The first node has the cluster's name, the others `-worker1` and so on behind it. */
function entriesOf(view: ClusterView, hosts: ReadonlyMap<string, SshAccess>): Entry[] {
  return view.nodes.flatMap((node) => {
    const access = node.address === null ? undefined : hosts.get(node.address);
    if (!access || node.address === null) return [];
    const alias = node.rank === 0 ? view.name : `${view.name}-worker${node.rank}`;
    return [{ ...access, cluster: view.name, alias, host: access.host }];
  });
}

function entryText(entry: Entry): string {
  const lines = [
    `Host ${sshWord('a cluster', entry.alias)}`,
    `  HostName ${sshWord('a host', entry.host)}`,
    `  Port ${sshWord('a port', String(entry.port))}`,
    `  User ${sshWord('a user', entry.user)}`,
    ...(entry.identityFile === null ? [] : [`  IdentityFile ${sshPath('a key', entry.identityFile)}`]),
  ];
  return `${lines.join('\n')}\n`;
}

/** Never half a file, and never with the eyes of others on it. */
async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.${process.pid}`;
  await writeFile(temporary, text, { mode: 0o600 });
  await chmod(temporary, 0o600);
  await rename(temporary, path);
}

/** An Include holds for all hosts only above the first Host. */
async function include(path: string): Promise<void> {
  const text = await readFile(path, 'utf8').catch(() => '');
  if (text.split('\n').some((line) => line.trim() === INCLUDE)) return;
  await replaceFile(path, `${INCLUDE}\n\n${text}`);
}
