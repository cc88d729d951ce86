/** One ssh connection to a host: commands by standard input, and ports that lead back. Errors say whose fault it is. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { connect as dial } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ProviderError } from '@drover/engine';
import ssh2, { type AnyAuthMethod, type ClientChannel } from 'ssh2';
import type { KnownHosts } from './known-hosts.ts';
import type { SshHost } from './pools.ts';

const CONNECT_MS = 15_000;
const KEEP_ALIVE_MS = 10_000;
/** What a command may print. */
const MOST_OUTPUT = 1024 * 1024;
const DEFAULT_KEYS = ['id_ed25519', 'id_ecdsa', 'id_rsa'];

export interface Output {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class SshConnection {
  readonly #client: ssh2.Client;
  readonly #host: SshHost;
  /** Where each port of the host leads. */
  readonly #ports = new Map<number, { readonly host: string; readonly port: number }>();
  /** Resolves when the connection has ended, with why if it is known. */
  readonly ended: Promise<string>;

  private constructor(client: ssh2.Client, host: SshHost) {
    this.#client = client;
    this.#host = host;
    let why = 'the connection ended';
    this.ended = new Promise((resolve) => {
      client.on('error', (error) => {
        why = error.message;
      });
      client.on('close', () => resolve(why));
    });
    client.on('tcp connection', ({ destPort }, accept, reject) => {
      const target = this.#ports.get(destPort);
      if (!target) reject();
      else forward(accept(), target);
    });
  }

  /** @throws {ProviderError} AUTH, TRANSIENT, INVALID */
  static async open(host: SshHost, known: KnownHosts): Promise<SshConnection> {
    if (host.refused !== null) throw new ProviderError('INVALID', host.refused);
    const client = new ssh2.Client();
    const methods = authMethods(host);
    let isStranger = false;
    return await new Promise((resolve, reject) => {
      client.once('ready', () => {
        client.removeAllListeners('error');
        client.setNoDelay(true);
        resolve(new SshConnection(client, host));
      });
      client.once('error', (error) => {
        client.on('error', () => undefined);
        client.end();
        reject(isStranger ? changedKey(host, known) : refusal(host, error));
      });
      client.connect({
        host: host.address,
        port: host.port,
        username: host.user,
        readyTimeout: CONNECT_MS,
        keepaliveInterval: KEEP_ALIVE_MS,
        keepaliveCountMax: 3,
        authHandler: (_left, _partial, next) => {
          const method = methods.shift();
          next(method ?? (false as never));
        },
        hostVerifier: (key: Buffer) => {
          isStranger = !known.trust(host.address, host.port, key);
          return !isStranger;
        },
      });
    });
  }

  /**
   * Runs a script by `sh -s`; what it needs stands in the script, never in arguments.
   * @throws {ProviderError} TRANSIENT when the connection breaks
   */
  async run(script: string): Promise<Output> {
    return await this.#exec('sh -s', script);
  }

  /** Runs a command of ours and feeds it. @throws {ProviderError} TRANSIENT */
  async feed(command: string, input: Readable): Promise<Output> {
    return await this.#exec(command, input);
  }

  async #exec(command: string, input: string | Readable): Promise<Output> {
    const channel = await new Promise<ClientChannel>((resolve, reject) => {
      this.#client.exec(command, (error, made) => (error ? reject(this.#broken(error)) : resolve(made)));
    });
    let stdout = '';
    let stderr = '';
    channel.on('data', (chunk: Buffer) => {
      if (stdout.length < MOST_OUTPUT) stdout += chunk.toString('utf8');
    });
    channel.stderr.on('data', (chunk: Buffer) => {
      if (stderr.length < MOST_OUTPUT) stderr += chunk.toString('utf8');
    });
    const closed = new Promise<number | null>((resolve) => {
      let code: number | null = null;
      channel.on('exit', (exit: number | null) => {
        code = exit;
      });
      channel.on('close', () => resolve(code));
    });
    if (typeof input === 'string') channel.end(input);
    // It may end before it has read all: what it says then counts.
    else await pipeline(input, channel).catch(() => undefined);
    const ended = await Promise.race([closed, this.ended]);
    if (typeof ended === 'string') throw this.#broken(new Error(ended));
    return { code: ended, stdout, stderr };
  }

  /**
   * Listens on the loopback of the host, and leads what comes there to the target.
   * @param port 0: one that is free @returns the port @throws {ProviderError} INVALID when the host does not allow it
   */
  async listen(port: number, target: { readonly host: string; readonly port: number }): Promise<number> {
    return await new Promise((resolve, reject) => {
      this.#client.forwardIn('127.0.0.1', port, (error, bound) => {
        if (error) {
          const message =
            port === 0
              ? `${this.#host.name} refuses a tunnel back to this head: set "AllowTcpForwarding yes" in its sshd_config, or start the head with --advertise-url`
              : `${this.#host.name}: port ${port} of the tunnel is still taken`;
          reject(new ProviderError(port === 0 ? 'INVALID' : 'TRANSIENT', message, { cause: error }));
          return;
        }
        const actual = port === 0 ? bound : port;
        this.#ports.set(actual, target);
        resolve(actual);
      });
    });
  }

  close(): void {
    this.#client.end();
  }

  #broken(cause: Error): ProviderError {
    return new ProviderError('TRANSIENT', `${this.#host.name}: the connection broke: ${cause.message}`, {
      cause,
    });
  }
}

function forward(channel: ClientChannel, target: { readonly host: string; readonly port: number }): void {
  const socket = dial({ ...target, noDelay: true });
  const end = (): void => {
    socket.destroy();
    channel.destroy();
  };
  socket.on('error', end);
  channel.on('error', end);
  socket.on('close', end);
  channel.on('close', end);
  socket.pipe(channel).pipe(socket);
}

function authMethods(host: SshHost): AnyAuthMethod[] {
  const username = host.user;
  const files =
    host.identityFiles.length > 0
      ? host.identityFiles
      : host.password === null
        ? DEFAULT_KEYS.map((name) => join(homedir(), '.ssh', name)).filter((path) => existsSync(path))
        : [];
  const keys = files.map((path): AnyAuthMethod => {
    if (!existsSync(path))
      throw new ProviderError(
        'AUTH',
        `${host.name}: there is no key ${path}: mend identity_file in the pools file`,
      );
    if ((statSync(path).mode & 0o077) !== 0)
      throw new ProviderError('AUTH', `${host.name}: the key ${path} is open to others: run chmod 600 on it`);
    const key = readFileSync(path);
    const parsed = ssh2.utils.parseKey(key);
    if (parsed instanceof Error)
      throw new ProviderError(
        'AUTH',
        `${host.name}: the key ${path} cannot be used (${parsed.message}): give one without a passphrase, or use an agent`,
      );
    return { type: 'publickey', username, key };
  });
  const agent = process.env['SSH_AUTH_SOCK'];
  const byAgent: AnyAuthMethod[] =
    agent && host.identityFiles.length === 0 ? [{ type: 'agent', username, agent }] : [];
  const { password } = host;
  const byPassword: AnyAuthMethod[] =
    password === null
      ? []
      : [
          { type: 'password', username, password },
          {
            type: 'keyboard-interactive',
            username,
            prompt: (_name, _instructions, _language, prompts, finish) => finish(prompts.map(() => password)),
          },
        ];
  return [...keys, ...byAgent, ...byPassword];
}

const whereOf = (host: SshHost): string => `${host.name} (${host.user}@${host.address}:${host.port})`;

function refusal(host: SshHost, error: Error & { level?: string; code?: string }): ProviderError {
  if (error.level === 'client-authentication')
    return new ProviderError(
      'AUTH',
      `${whereOf(host)} accepts none of the keys and passwords that are set for it: mend user, identity_file or password in the pools file`,
      { cause: error },
    );
  if (error.level === 'client-timeout')
    return new ProviderError(
      'TRANSIENT',
      `${whereOf(host)} does not answer as an ssh server within ${CONNECT_MS / 1000} s`,
      {
        cause: error,
      },
    );
  if (/handshake|no matching/i.test(error.message))
    return new ProviderError(
      'INVALID',
      `${whereOf(host)} speaks no ssh that is understood: ${error.message}`,
      {
        cause: error,
      },
    );
  return new ProviderError(
    'TRANSIENT',
    `${whereOf(host)} cannot be reached (${error.code ?? error.message}): is it up, and sshd listening there?`,
    { cause: error },
  );
}

function changedKey(host: SshHost, known: KnownHosts): ProviderError {
  return new ProviderError(
    'AUTH',
    `${whereOf(host)} shows another host key than before: somebody may be in between. If it was set up anew, remove its line from ${known.path}`,
  );
}
