// A head and two workers from bin/drover, in a temporary folder. `stop` leaves no process and no file.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const START_MS = 30_000;
const WORKERS = [
  { name: 'gpus', gpus: '4' },
  { name: 'plain', gpus: 'none' },
];

/** The scenario cannot be run here: a flag that it needs is unknown, or its port has been taken. */
export class CannotRun extends Error {}

const program = process.env.DROVER_BIN ?? new URL('../../bin/drover', import.meta.url).pathname;

export function ensureBuilt(root) {
  if (process.env.DROVER_BIN || existsSync(join(root, 'packages/drover/dist/bin.js'))) return;
  execFileSync(process.execPath, [join(root, 'scripts/build.mjs')], { stdio: 'inherit' });
}

export async function isPortFree(port) {
  return (await isFreeOn('127.0.0.1', port)) && (await isFreeOn('0.0.0.0', port));
}

const isFreeOn = (host, port) =>
  new Promise((resolve) => {
    const server = createServer().once('error', () => resolve(false));
    server.listen(port, host, () => server.close(() => resolve(true)));
  });

export class Herd {
  folder = mkdtempSync(join(tmpdir(), 'drover-conformance-'));
  #programs = [];
  #workers = [];
  #url = '';
  #headFlags = [];
  #token = '';
  #stopping;

  /** What the checks are told. */
  describe() {
    const { folder } = this;
    const drover = [process.execPath, program];
    return { folder, drover, url: this.#url, token: this.#token, workers: this.#workers };
  }

  async start(headFlags) {
    const head = await this.#spawn('head', ['head', '--port', '0', ...headFlags]);
    this.#url = head.url;
    this.#headFlags = headFlags;
    this.#token = readFileSync(join(this.folder, 'head/admin.token'), 'utf8').trim();
    const { token } = await this.#call('POST', '/v1/join-tokens', { ttlS: 600, uses: WORKERS.length });
    this.#workers = await Promise.all(
      WORKERS.map(async ({ name, gpus }) => {
        const offer = ['--cpus', '4', '--memory', '4096MiB', '--gpus', gpus];
        const args = ['worker', '--head', head.url, '--join-token', token, ...offer];
        const { workerId, pid } = await this.#spawn(name, args);
        return { name, id: workerId, pid };
      }),
    );
  }

  /** Kills the head without a word, and starts it again at the same place. */
  async restartHead() {
    const [head] = this.#programs.splice(0, 1);
    head.kill('SIGKILL');
    await until(() => head.exitCode !== null || head.signalCode !== null, 10_000);
    const port = new URL(this.#url).port;
    await this.#spawn('head', ['head', '--port', port, ...this.#headFlags]);
    this.#programs.unshift(this.#programs.pop());
  }

  /** Ends instances, workers and head, by force what does not go. @returns what had to be killed at the end */
  stop() {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop() {
    if (this.#url) await this.#endInstances().catch(() => undefined);
    for (const child of this.#programs.toReversed()) child.kill('SIGTERM');
    const ended = this.#programs.map((child) =>
      until(() => child.exitCode !== null || child.signalCode !== null, 10_000),
    );
    await Promise.all(ended);
    await until(() => this.#processes().length === 0, 3_000);
    const left = this.#processes();
    for (const { pid } of left) process.kill(pid, 'SIGKILL');
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 3 });
    return left.map(({ pid, command }) => `${pid} ${command.slice(0, 100)}`);
  }

  async #endInstances() {
    for await (const id of this.#live())
      await this.#call('POST', `/v1/instances/${id}/cancel`, { graceMs: 500 });
    await this.#call('DELETE', '/v1/instances');
    await until(async () => (await this.#call('GET', '/v1/instances?limit=1')).items.length === 0, 10_000);
  }

  async *#live() {
    const { items } = await this.#call('GET', '/v1/instances?limit=1000');
    for (const { id, status } of items) if (['ASSIGNED', 'RUNNING'].includes(status)) yield id;
  }

  /** All processes that bear our folder in their command line or environment: those that we started, and theirs. */
  #processes() {
    const found = [];
    for (const pid of readdirSync('/proc').filter(
      (name) => /^\d+$/.test(name) && Number(name) !== process.pid,
    )) {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
        const all = `${command} ${readFileSync(`/proc/${pid}/environ`, 'utf8')}`;
        if (command !== '' && all.includes(this.folder)) found.push({ pid: Number(pid), command });
      } catch {
        // It has ended meanwhile, or is another user's.
      }
    }
    return found;
  }

  async #call(method, path, body) {
    const response = await fetch(`${this.#url}${path}`, {
      method,
      headers: { authorization: `Bearer ${this.#token}`, 'content-type': 'application/json' },
      body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(10_000),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return await response.json();
  }

  /** @returns the line of JSON with which it says that it serves. @throws with the end of its log */
  async #spawn(name, args) {
    const state = join(this.folder, name);
    const log = `${state}.log`;
    const child = spawn(process.execPath, [program, ...args, '--state', state, '--json'], {
      cwd: this.folder,
      env: { PATH: process.env.PATH, HOME: this.folder, LANG: 'C.UTF-8' },
      stdio: ['ignore', 'pipe', openSync(log, 'a')],
    });
    this.#programs.push(child);
    return await new Promise((resolve, reject) => {
      const fail = (why) => {
        clearTimeout(timer);
        const text = existsSync(log) ? readFileSync(log, 'utf8').trim() : '';
        const cannot = /unknown option .*|port \d+ is in use/i.exec(text)?.[0].slice(0, 80);
        reject(cannot ? new CannotRun(cannot) : new Error(`${name} ${why}: ${text.slice(-500)}`));
      };
      const timer = setTimeout(() => fail('does not serve'), START_MS);
      child.once('exit', (code) => fail(`ended with ${code}`));
      createInterface({ input: child.stdout }).once('line', (line) => {
        clearTimeout(timer);
        resolve(JSON.parse(line));
      });
    });
  }
}

async function until(fn, limitMs) {
  const end = performance.now() + limitMs;
  while (!(await fn()) && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 30));
}
