import { type ChildProcess, spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pemOfCa } from '@drover/core';
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
  await writeFile(join(home, '.config/drover/config.toml'), text, { mode: 0o600 });
}

async function writeHead(pid: number, folder = join(home, '.local/state/drover/head')): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'admin.token'), 'of-local\n', { mode: 0o600 });
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
    await writeFile(join(home, '.config/drover/lab.token'), ' of-lab \n', { mode: 0o600 });
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
    await writeHead(2 ** 22 + 1, join(home, 'xdg/drover/head'));
    expect((await findHead({ env: state, url: 'http://127.0.0.1:4000' })).token).toBeUndefined();
    const byEnvironment = { ...state, DROVER_HEAD: 'http://127.0.0.1:4000' };
    expect((await findHead({ env: byEnvironment })).token).toBeUndefined();
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

describe('a file with a token that others can read', () => {
  it.each([
    ['token = "t"', 0o644, /config\.toml: it holds a token .*\(mode 0644\); run: chmod 600 .*config\.toml/],
    ['token = "t"', 0o640, /mode 0640/],
    ['url = "http://x:of-url@home:2"', 0o604, /mode 0604/],
    ['tokenFile = "lab.token"', 0o644, /lab\.token: it holds a token/],
  ])('is refused, with what to run: %s with mode %o', async (line, mode, message) => {
    const url = line.startsWith('url') ? '' : 'url = "http://h"\n';
    await writeConfig(`current = "lab"\n[contexts.lab]\n${url}${line}\n`);
    await writeFile(join(home, '.config/drover/lab.token'), 'of-lab', { mode: 0o600 });
    const file = join(home, '.config/drover', line.startsWith('tokenFile') ? 'lab.token' : 'config.toml');
    await chmod(file, mode);
    await expect(findHead({ env })).rejects.toThrow(message);
    await chmod(file, 0o600);
    expect((await findHead({ env })).token).toBeDefined();
  });

  it('is read by its group where it is a file of its own, and by all where it holds none', async () => {
    await writeConfig('current = "lab"\n[contexts.lab]\nurl = "http://h"\ntokenFile = "lab.token"\n');
    await writeFile(join(home, '.config/drover/lab.token'), 'of-lab');
    await chmod(join(home, '.config/drover/lab.token'), 0o440);
    await chmod(join(home, '.config/drover/config.toml'), 0o644);
    expect((await findHead({ env })).token).toBe('of-lab');
  });
});

/** As long as it says, which is all that is looked at before a connection. */
function authority(fill: number): string {
  const bytes = Buffer.alloc(300, fill);
  bytes.set([0x30, 0x82, 1, 40]);
  return `ca_${bytes.toString('base64url')}`;
}
const [ONE, TWO, THREE] = [authority(1), authority(2), authority(3)];

describe('the authority of a head', () => {
  const caOf = async (options: Parameters<typeof findHead>[0]): Promise<string | undefined> =>
    (await findHead(options)).ca;
  const context = (more: string): string => `current = "lab"\n[contexts.lab]\nurl = "https://lab:1"\n${more}`;

  it('goes by option, DROVER_CA, context; each may be the word or a file', async () => {
    const file = join(home, 'two.pem');
    await writeFile(file, pemOfCa(TWO));
    await writeConfig(context(`ca = "${ONE}"`));
    expect(await caOf({ env })).toBe(ONE);
    expect(await caOf({ env: { ...env, DROVER_CA: file } })).toBe(TWO);
    expect(await caOf({ env: { ...env, DROVER_CA: file }, ca: THREE })).toBe(THREE);
    await writeFile(join(home, '.config/drover/lab.pem'), pemOfCa(THREE));
    await writeConfig(context('caFile = "lab.pem"'));
    expect(await caOf({ env })).toBe(THREE);
  });

  it('is never forgotten for plain HTTP, by which a token would travel readable', async () => {
    const elsewhere = 'http://192.0.2.2:3768';
    const refused = { code: 'INVALID_REQUEST', message: expect.stringContaining('say https://') };
    await expect(findHead({ env, url: elsewhere, ca: ONE })).rejects.toMatchObject(refused);
    await expect(findHead({ env, url: 'http://127.0.0.1:3768', ca: ONE })).rejects.toMatchObject(refused);
    await expect(findHead({ env: { ...env, DROVER_CA: ONE }, url: elsewhere })).rejects.toMatchObject(
      refused,
    );
    await writeConfig(`current = "x"\n[contexts.x]\nurl = "${elsewhere}"\nca = "${ONE}"\n`);
    await expect(findHead({ env })).rejects.toMatchObject({
      message: expect.stringContaining('contexts.x.ca'),
    });
    // A shell that is set up for another head may call one of this machine.
    const here = { env: { ...env, DROVER_CA: ONE }, url: 'http://127.0.0.1:3768' };
    expect(await findHead(here)).toMatchObject({ ca: undefined });
  });

  it('comes with a fetch that trusts it, and is of that head alone', async () => {
    await writeConfig(context(`ca = "${ONE}"`));
    expect(await findHead({ env })).toMatchObject({ ca: ONE, fetch: expect.any(Function) });
    expect(await findHead({ env, url: 'https://other' })).not.toHaveProperty('fetch');
  });

  it('of a head of this user lies beside it, also where its address is named', async () => {
    const folder = join(home, '.local/state/drover/head');
    await writeHead(headPid());
    const caFile = join(folder, 'tls.pem');
    await writeFile(caFile, pemOfCa(TWO));
    const url = 'https://127.0.0.1:4000';
    const facts = { url, pid: headPid(), tokenFile: 'admin.token', caFile };
    await writeFile(join(folder, 'head.json'), JSON.stringify(facts));
    expect(await findHead({ env })).toMatchObject({ source: 'local', ca: TWO });
    expect([await caOf({ env, url }), await caOf({ env, url: 'https://127.0.0.1:4001' })]).toEqual([
      TWO,
      undefined,
    ]);
  });

  it.each([
    ['ca = "ca_short"', /contexts\.lab\.ca: ca_ and the base64url/],
    ['ca = 7', /contexts\.lab\.ca: a string/],
    ['caFile = "nowhere.pem"', /contexts\.lab\.caFile: .*nowhere\.pem cannot be read \(ENOENT\)/],
    ['caFile = "config.toml"', /contexts\.lab\.caFile: .*config\.toml holds none/],
  ])('is named where it is wrong: %s', async (line, message) => {
    await writeConfig(context(line));
    await expect(findHead({ env })).rejects.toThrow(message);
  });
});
