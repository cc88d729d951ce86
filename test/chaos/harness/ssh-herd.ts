/** A head with an ssh pool of two real hosts, and the command line as a person on another machine would use it. */
import { execFile, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SeededRandom } from '@drover/testkit/seeded-random';
import { ChaosHerd } from './herd.ts';
import { bundleFolder, runFolder } from './sdk.ts';
import { type SshHost, SshHosts } from './sshd.ts';

export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export class SshHerd {
  readonly folder: string;
  readonly herd: ChaosHerd;
  readonly #sshd: SshHosts;
  readonly hosts: readonly [SshHost, SshHost];

  private constructor(folder: string, herd: ChaosHerd, sshd: SshHosts, hosts: readonly [SshHost, SshHost]) {
    this.folder = folder;
    this.herd = herd;
    this.#sshd = sshd;
    this.hosts = hosts;
  }

  /** @param index which of several networks of the run it is */
  static async open(index: number, names: readonly [string, string]): Promise<SshHerd> {
    mkdirSync(runFolder(), { recursive: true });
    const folder = mkdtempSync(join(runFolder(), 'ssh-herd-'));
    const pools = join(folder, 'pools.yaml');
    writeFileSync(pools, '{}\n', { mode: 0o600 });
    const random = new SeededRandom(index);
    const herd = await ChaosHerd.open({
      folder: join(folder, 'herd'),
      bundle: bundleFolder(),
      run: String(process.ppid),
      index,
      random: () => random.float(),
      headFlags: ['--ssh-pools', pools],
    });
    await herd.startHead();
    const sshd = await SshHosts.open(herd.network, join(folder, 'sshd'));
    const hosts = [await sshd.add(names[0], 22), await sshd.add(names[1], 2222)] as const;
    const lines = hosts.map(
      ({ name, address, user, port }) =>
        `    - {name: ${name}, ip: ${address}, user: ${user}, port: ${port}}`,
    );
    writeFileSync(pools, ['lab:', `  identity_file: ${sshd.key}`, '  hosts:', ...lines, ''].join('\n'));
    return new SshHerd(folder, herd, sshd, hosts);
  }

  get #env(): NodeJS.ProcessEnv {
    const { url, token } = this.herd;
    return { ...process.env, HOME: this.folder, DROVER_HEAD: url, DROVER_TOKEN: token };
  }

  /** Runs a program to its end, in a home of its own. */
  run(file: string, args: readonly string[]): Promise<Ended> {
    return new Promise((resolve) => {
      const options = { env: this.#env, cwd: this.folder, timeout: 60_000 };
      execFile(file, args, options, (error, out, err) => {
        const code = error ? Number((error as { code?: unknown }).code ?? 1) : 0;
        resolve({ code, out, err });
      });
    });
  }

  drover(...args: string[]): Promise<Ended> {
    return this.run(process.execPath, [join(bundleFolder(), 'dist/bin.js'), ...args]);
  }

  /** As {@link drover}, on the terminal of this process. @returns the exit code */
  show(...args: string[]): Promise<number | null> {
    const child = spawn(process.execPath, [join(bundleFolder(), 'dist/bin.js'), ...args], {
      env: this.#env,
      cwd: this.folder,
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    return new Promise((resolve) => child.once('exit', resolve));
  }

  async close(): Promise<void> {
    await this.#sshd.close();
    await this.herd.close();
  }
}
