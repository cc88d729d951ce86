import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { defaultStateDir, findHead } from './find-head.ts';

let home: string;
let env: Record<string, string>;
/** Stands for a head: its command line is all that is looked at. */
let headProcess: ChildProcess;
const headPid = () => headProcess.pid ?? 0;

beforeAll(() => {
  headProcess = spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1e6)', 'head'], {
    stdio: 'ignore',
  });
});
afterAll(() => void headProcess.kill('SIGKILL'));

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'client-test-'));
  env = { HOME: home };
});
afterEach(async () => await rm(home, { recursive: true }));

async function writeConfig(text: string): Promise<void> {
  await mkdir(join(home, '.config/drover'), { recursive: true });
  await writeFile(join(home, '.config/drover/config.toml'), text);
}

async function writeHead(pid: number, folder = join(home, '.local/state/drover/head')): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'admin.token'), 'of-local\n');
  const url = 'http://127.0.0.1:4000';
  await writeFile(join(folder, 'head.json'), JSON.stringify({ url, pid, tokenFile: 'admin.token' }));
}

const CONFIG = `current = "lab"
[contexts.lab]
url = "http://lab:1"
tokenFile = "lab.token"
[contexts.home]
url = "http://x:of-url@home:2"
`;

describe('findHead', () => {
  it('goes by option, environment, context, local head, fallback', async () => {
    await writeConfig(CONFIG);
    await writeFile(join(home, '.config/drover/lab.token'), ' of-lab \n');
    await writeHead(headPid());
    const from = { url: 'http://opt:9', token: 'of-option' };
    expect(await findHead({ ...from, env: { ...env, DROVER_HEAD: 'http://e:8' } })).toMatchObject({
      ...from,
      source: 'option',
    });
    expect(await findHead({ env: { ...env, DROVER_HEAD: 'http://e:8', DROVER_TOKEN: 'of-env' } })).toEqual({
      url: 'http://e:8',
      token: 'of-env',
      source: 'environment',
      context: undefined,
    });
    expect(await findHead({ env })).toEqual({
      url: 'http://lab:1',
      token: 'of-lab',
      source: 'context',
      context: 'lab',
    });
    expect(await findHead({ env, context: 'home' })).toMatchObject({ url: 'http://home:2', token: 'of-url' });
    await writeConfig('');
    expect(await findHead({ env })).toMatchObject({
      url: 'http://127.0.0.1:4000',
      token: 'of-local',
      source: 'local',
    });
    await writeHead(2 ** 22 + 1);
    expect(await findHead({ env })).toMatchObject({ url: 'http://127.0.0.1:3768', source: 'default' });
    expect((await findHead({ env, fallbackUrl: 'http://localhost:8000' })).url).toBe('http://localhost:8000');
  });

  it('respects the XDG folders and DROVER_STATE, and knows the token of the own head by its address', async () => {
    await writeHead(headPid(), join(home, 'xdg/drover/head'));
    expect((await findHead({ env: { ...env, XDG_STATE_HOME: join(home, 'xdg') } })).source).toBe('local');
    const state = { ...env, DROVER_STATE: join(home, 'xdg/drover/head') };
    expect((await findHead({ env: state, url: 'http://127.0.0.1:4000/' })).token).toBe('of-local');
    expect((await findHead({ env: state, url: 'http://127.0.0.1:4001' })).token).toBeUndefined();
  });

  it('takes DROVER_STATE for the folder of the herd, whose head lies in "head", before one that lies there itself', async () => {
    const root = join(home, 'herd');
    const state = { ...env, DROVER_STATE: root };
    expect(defaultStateDir(state)).toBe(join(root, 'head'));
    await writeHead(headPid(), root);
    expect(defaultStateDir(state)).toBe(root);
    expect(await findHead({ env: state })).toMatchObject({ source: 'local', token: 'of-local' });
    await writeHead(headPid(), join(root, 'head'));
    await writeFile(join(root, 'head/admin.token'), 'of-herd\n');
    expect(defaultStateDir(state)).toBe(join(root, 'head'));
    expect(await findHead({ env: state })).toMatchObject({ source: 'local', token: 'of-herd' });
  });

  it.runIf(process.platform === 'linux')(
    'takes neither a zombie nor another process for a head',
    async () => {
      const source = async () => (await findHead({ env })).source;
      await writeHead(headPid());
      expect(await source()).toBe('local');
      for (const pid of [process.pid, 0, -1]) {
        await writeHead(pid);
        expect(await source()).toBe('default');
      }
      // Its parent becomes a program that collects no children, and it ends.
      const lines = 'exec 3<&0; (exec sh -c "echo \\$\\$; read line" head) <&3 & exec sleep 600';
      const parent = spawn('sh', ['-c', lines], { stdio: ['pipe', 'pipe', 'ignore'] });
      try {
        const pid = Number(await new Promise((done) => parent.stdout?.once('data', done)));
        await writeHead(pid);
        expect(await source()).toBe('local');
        parent.stdin?.end();
        await expect.poll(() => readFile(`/proc/${pid}/stat`, 'utf8')).toMatch(/\) Z/);
        expect(await source()).toBe('default');
      } finally {
        parent.kill('SIGKILL');
      }
    },
  );

  it.each([
    ['current = ', /config\.toml: not valid TOML/],
    ['current = "lab"', /contexts\.lab\.url: needed in .*config\.toml/],
    [
      'current = "lab"\n[contexts.lab]\nurl = "http://h"\ntokenFile = "/nowhere"',
      /tokenFile: there is no \/nowhere/,
    ],
  ])('names the file and what is wrong in it: %s', async (text, message) => {
    await writeConfig(text);
    await expect(findHead({ env })).rejects.toThrow(message);
  });
});
