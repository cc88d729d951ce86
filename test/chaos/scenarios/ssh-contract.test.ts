/** The contract of providers on `ssh`: a real sshd host in a network namespace. Its workers find no head, and wait. */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeProvider } from '@drover/testkit';
import { expect } from 'vitest';
import { KnownHosts } from '../../../packages/head/src/infra/ssh/known-hosts.ts';
import { parsePools } from '../../../packages/head/src/infra/ssh/pools.ts';
import { SshProvider } from '../../../packages/head/src/infra/ssh/provider.ts';
import { makeRuntime } from '../../../packages/head/src/infra/ssh/runtime.ts';
import { Network } from '../harness/network.ts';
import { bundleFolder, runFolder } from '../harness/sdk.ts';
import { SshHosts } from '../harness/sshd.ts';

const INDEX = 20 + Number(process.env['VITEST_POOL_ID'] ?? 0);
const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
let hosts: SshHosts;

describeProvider('ssh', async () => {
  mkdirSync(runFolder(), { recursive: true });
  const folder = mkdtempSync(join(runFolder(), 'ssh-contract-'));
  const network = new Network(String(process.ppid), INDEX);
  await network.open();
  hosts = await SshHosts.open(network, join(folder, 'sshd'));
  const host = await hosts.add('one', 2022);
  const file = join(folder, 'pools.yaml');
  const text = `lab: {user: ${host.user}, hosts: [{ip: ${host.address}, port: ${host.port}, password: "${host.password}"}]}\n`;
  writeFileSync(file, text);
  const pool = parsePools(text, file, '', 'nobody').get('lab') ?? [];
  const runtime = makeRuntime(join(bundleFolder(), 'dist'), join(folder, 'runtime'));
  let open: SshProvider;
  const make = (): SshProvider =>
    new SshProvider({
      pool: 'lab',
      hosts: () => pool,
      known: new KnownHosts(join(folder, 'known.json')),
      dir: join(folder, 'state'),
      runtime: () => runtime,
      place: async () => ({ url: 'http://127.0.0.1:9', ca: null }),
      advertiseUrl: null,
      log,
    });
  open = make();
  return {
    provider: open,
    async reopen() {
      open.close();
      open = make();
      return open;
    },
    async close() {
      expect(hosts.hasDrover('one')).toBe(false);
      open.close();
      await hosts.close();
      await network.close();
    },
  };
});
