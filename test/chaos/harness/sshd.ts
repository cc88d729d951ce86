/** Real ssh servers, each in a network namespace, with a user and a home of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Network } from './network.ts';
import { runTool, until } from './shell.ts';

/** Where the homes lie: a file system of the run's own that every user may enter. Several files of tests share it. */
const HOMES = '/mnt';
const LOCK = '/run/drover-users.lock';
const FIRST_UID = 61_000;
const SSHD = '/usr/sbin/sshd';

export interface SshHost {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly home: string;
}

export class SshHosts {
  readonly #network: Network;
  readonly #folder: string;
  readonly #servers = new Map<string, ChildProcess>();
  readonly #hosts = new Map<string, SshHost>();
  /** The private key that every host takes. */
  readonly key: string;

  private constructor(network: Network, folder: string) {
    this.#network = network;
    this.#folder = folder;
    this.key = join(folder, 'key');
  }

  static async open(network: Network, folder: string): Promise<SshHosts> {
    mkdirSync(folder, { recursive: true });
    mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
    const hosts = new SshHosts(network, folder);
    await alone(async () => {
      if (!readFileSync('/proc/mounts', 'utf8').includes(` ${HOMES} tmpfs `))
        await runTool('mount', ['-t', 'tmpfs', '-o', 'size=2g,mode=755', 'tmpfs', HOMES]);
    });
    await hosts.#keygen('key');
    return hosts;
  }

  /** A host that listens on this port. `options`: lines of its configuration. */
  async add(name: string, port: number, options: readonly string[] = []): Promise<SshHost> {
    const { address } = await this.#network.add(name);
    const user = `drover-${address.replaceAll('.', '-')}`;
    const home = join(HOMES, user, name);
    const password = `secret of ${name}`;
    const hash = (await runTool('openssl', ['passwd', '-6', password])).trim();
    const uid = await alone(async () => await this.#addUser(user, hash, home));
    mkdirSync(join(home, '.ssh'), { recursive: true, mode: 0o755 });
    writeFileSync(join(home, '.ssh/authorized_keys'), readFileSync(`${this.key}.pub`), { mode: 0o600 });
    for (const path of [home, join(home, '.ssh'), join(home, '.ssh/authorized_keys')])
      chownSync(path, uid, uid);
    const host = { name, address, port, user, password, home };
    this.#hosts.set(name, host);
    await this.#keygen(`${name}.hostkey`);
    writeFileSync(this.#config(name), [...options, ...this.#lines(host)].join('\n'));
    await this.start(name);
    return host;
  }

  /** In the mount namespace of the run only, with which it goes. Where only root is mapped, it is another name for root. */
  async #addUser(user: string, hash: string, home: string): Promise<number> {
    const before = readFileSync('/etc/passwd', 'utf8');
    const uid = isRoot() ? FIRST_UID + (before.match(/^drover-/gm)?.length ?? 0) : 0;
    const passwd = join(this.#folder, `passwd-${user}`);
    writeFileSync(passwd, `${before}${user}:${hash}:${uid}:${uid}::${home}:/bin/sh\n`);
    await runTool('mount', ['--bind', passwd, '/etc/passwd']);
    return uid;
  }

  #config(name: string): string {
    return join(this.#folder, `${name}.conf`);
  }

  /** In sshd the first word on a subject counts. */
  #lines({ name, port }: SshHost): string[] {
    return [
      `Port ${port}`,
      `HostKey ${join(this.#folder, `${name}.hostkey`)}`,
      'PidFile none',
      'UsePAM no',
      'StrictModes no',
      'PasswordAuthentication yes',
      'PermitRootLogin yes',
      '',
    ];
  }

  async start(name: string): Promise<void> {
    const [enter = '', ...rest] = this.#network.command(name);
    const server = spawn(enter, [...rest, SSHD, '-D', '-e', '-f', this.#config(name)], { stdio: 'ignore' });
    this.#servers.set(name, server);
    await until(`sshd of ${name} listens`, async () => await this.#isListening(name));
  }

  async #isListening(name: string): Promise<boolean> {
    const port = this.#hosts.get(name)?.port ?? 0;
    const text = await this.#network.inside(name, 'cat', ['/proc/net/tcp']);
    return text.includes(`:${port.toString(16).toUpperCase().padStart(4, '0')} 00000000:0000 0A`);
  }

  /** The server and the connections that it holds end; what it has started lives on. */
  async stop(name: string): Promise<void> {
    const server = this.#servers.get(name);
    if (!server || server.exitCode !== null) return;
    const ended = new Promise((resolve) => server.once('exit', resolve));
    server.kill('SIGKILL');
    await ended;
    for (const pid of await this.#sessions(name)) killIfThere(pid);
  }

  /** Its processes for single connections. */
  async #sessions(name: string): Promise<number[]> {
    const inode = this.#network.inode(name);
    const found = await runTool('sh', [
      '-c',
      'for p in /proc/[0-9]*; do [ "$(readlink "$p/ns/net")" = "$1" ] && grep -q "^sshd" "$p/cmdline" 2>/dev/null && echo "${p#/proc/}"; done; true',
      'sh',
      inode,
    ]);
    return found.split('\n').filter(Boolean).map(Number);
  }

  /** Another host key, as of a host that was set up anew, or of somebody in between. */
  async changeKey(name: string): Promise<void> {
    await this.stop(name);
    await runTool('rm', [
      '-f',
      join(this.#folder, `${name}.hostkey`),
      join(this.#folder, `${name}.hostkey.pub`),
    ]);
    await this.#keygen(`${name}.hostkey`);
    await this.start(name);
  }

  async #keygen(name: string): Promise<void> {
    await runTool('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(this.#folder, name)]);
  }

  async close(): Promise<void> {
    for (const name of this.#servers.keys()) await this.stop(name);
    for (const { home } of this.#hosts.values()) rmSync(home, { recursive: true, force: true });
  }

  /** What of ours is in the home of a host. */
  hasDrover(name: string): boolean {
    return existsSync(join(this.#hosts.get(name)?.home ?? '', '.drover'));
  }
}

/** Whether other users are to be had; not in a namespace that maps only one. */
const isRoot = (): boolean => /^\s*0\s+0\s+4294967295/m.test(readFileSync('/proc/self/uid_map', 'utf8'));

/** What two files of tests must not do at once. */
async function alone<T>(act: () => Promise<T>): Promise<T> {
  await until('the other one is through', () => {
    try {
      mkdirSync(LOCK);
      return true;
    } catch {
      return false;
    }
  });
  try {
    return await act();
  } finally {
    rmdirSync(LOCK);
  }
}

/** Many of them end by themselves when their server does. */
function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
