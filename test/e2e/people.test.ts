/** Users, tokens, projects and the audit by the command line: a head, an admin beside it, and others elsewhere. */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DROVER, RealHerd } from './real-herd.ts';

const herd = new RealHerd();
beforeAll(() => herd.startHead());
afterAll(() => herd.close());

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** One command of somebody with a home of their own. `input` comes on standard input. */
function run(
  who: string,
  args: readonly string[],
  input = '',
  more: Record<string, string> = {},
): Promise<Ended> {
  const home = herd.stateOf(`home-${who}`);
  mkdirSync(home, { recursive: true });
  const admin = { DROVER_HEAD: herd.url, DROVER_TOKEN: herd.token };
  const child = spawn(DROVER, args, {
    env: { PATH: process.env['PATH'], HOME: home, ...(who === 'admin' && admin), ...more },
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk) => {
    out += chunk;
  });
  child.stderr.on('data', (chunk) => {
    err += chunk;
  });
  child.stdin.end(input);
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, out, err })));
}
const words = (line: string): string[] => line.split(' ');
const by = (who: string, line: string, input?: string): Promise<Ended> => run(who, words(line), input);
/** What an admin's command prints. @throws when it fails */
async function admin(line: string): Promise<string> {
  const { code, out, err } = await by('admin', line);
  if (code !== 0) throw new Error(`drover ${line}: ${code}: ${err}`);
  return out.trimEnd();
}
const configOf = (who: string): string => join(herd.stateOf(`home-${who}`), '.config/drover/config.toml');

describe('a user', () => {
  it('is made with a token, which alone is on standard output, and logs in with it from a file or standard input', async () => {
    const made = await by('admin', 'user create ana');
    expect([made.code, made.out]).toEqual([0, expect.stringMatching(/^drv_[\w-]+\n$/)]);
    expect(made.err).toMatch(
      /^user ana \(user\) was made; its token is shown this once\nhere: drover login (\S+)\nonly this machine reaches the head at \1; /,
    );
    expect(made.err).toContain(herd.url);
    const file = herd.stateOf('ana.token');
    writeFileSync(file, made.out, { mode: 0o600 });
    const fromFile = await by('ana', `login ${herd.url} --token-file ${file} --name lab`);
    expect(fromFile.out).toBe(`ana (user in project default) at ${herd.url}; context lab is in use\n`);
    expect(statSync(configOf('ana')).mode & 0o777).toBe(0o600);
    expect((await by('ana', `login ${herd.url} --token-file - --json`, made.out)).out).toContain(
      '"user":"ana"',
    );
    const told = await by('ana', 'whoami');
    expect(told.out).toMatch(
      /^user +ana\nrole +user in project default\nprojects +default \(user\)\ntoken +first /,
    );
    expect(JSON.parse((await by('ana', 'whoami --json')).out)).toMatchObject({
      user: { name: 'ana' },
      role: 'user',
    });
  });

  it('works in the project of a context, or of one call, and in none that is not theirs', async () => {
    await admin('project create lab --max-instances 1');
    expect((await by('ana', 'whoami --project lab')).err).toBe('drover: no project lab for you\n');
    await admin('project add-member lab ana --role user');
    await by('ana', 'config set-context lab --project lab');
    await by('ana', 'config use-context lab');
    expect((await by('ana', 'whoami')).out).toContain('role      user in project lab');
    expect((await by('ana', 'submit --name mine true')).code).toBe(0);
    expect((await by('ana', 'ps')).out).toContain('mine');
    expect((await by('ana', 'ps --project default')).out).toBe('');
    expect((await by('ana', 'project list')).out).toMatch(/^lab +user +1 member +1\/1 /m);
  });

  it('is told in words what a quota refuses, and what asks for another role', async () => {
    const over = await by('ana', 'submit --name more true');
    expect([over.code, over.err]).toEqual([
      4,
      'drover: project lab has 1 of at most 1 instances and nodes, and this asks for 1: end something, or ask an admin for more\n',
    ]);
    expect((await by('ana', 'cancel mine')).code).toBe(0);
    const refused = await by('ana', 'user list');
    expect(refused.code).toBe(4);
    expect(refused.err).toMatch(
      /^drover: this needs the role admin; ana is user in project lab\nhint: "drover whoami" /,
    );
    const token = await admin('user create vi --role viewer');
    await by('vi', `login ${herd.url} --token-file -`, token);
    expect((await by('vi', 'ps')).code).toBe(0);
    const seen = await by('vi', 'submit true');
    expect(seen.code).toBe(4);
    expect(seen.err).toMatch(/^drover: this needs the role user; vi is viewer in project default$/m);
  });

  it('makes tokens that are narrower, lists and revokes them; a logout revokes the one of its context', async () => {
    const made = JSON.parse((await by('ana', 'token create ci --role viewer --only-project lab --json')).out);
    expect(made).toMatchObject({ name: 'ci', role: 'viewer', project: 'lab', user: 'ana' });
    const listed = await by('ana', 'token list');
    expect(listed.out).toMatch(/^ID +USER +NAME +BEGINS +ROLE +PROJECT +EXPIRES IN +USED +AGE$/m);
    expect(listed.out).not.toContain(made.token);
    await by('ci', `login ${herd.url} --token-file - --name ci`, made.token);
    expect((await by('ci', 'token create more')).err).toMatch(
      /^drover: a token that is narrowed makes no other tokens$/m,
    );
    expect((await by('ana', `token revoke ${made.id.slice(0, 8)}`)).out).toBe(
      `${made.id.slice(0, 8)} revoked\n`,
    );
    expect(await by('ci', 'ps')).toMatchObject({ code: 4 });
    expect(await by('ci', 'logout')).toMatchObject({
      code: 0,
      out: 'logged out of ci; the head took its token no more\n',
    });
    const config = readFileSync(configOf('ana'), 'utf8');
    const [, token = ''] = /token = "(drv_[^"]+)"/.exec(config) ?? [];
    expect(await by('ana', 'logout')).toMatchObject({
      code: 0,
      out: 'logged out of lab; its token is revoked\n',
    });
    expect(readFileSync(configOf('ana'), 'utf8')).not.toMatch(new RegExp(`contexts.lab[^[]*${token}`));
    expect((await by('ana', `whoami --head ${herd.url} --token ${token}`)).code).toBe(4);
  });
});

describe('an admin', () => {
  it('sees in the audit who did what and who was refused', async () => {
    const lines = (await admin('audit --limit 200')).split('\n');
    const told = (text: RegExp) =>
      expect(
        lines.some((line) => text.test(line)),
        String(text),
      ).toBe(true);
    told(/ done {4}admin +users ana \(\w{8}\) create/);
    told(/ done {4}ana +tokens ana \(\w{8}\) revoke .*from 127\.0\.0\.1\]$/);
    told(/ denied {2}vi +POST \/v1\/instances: this needs the role user/);
    const denied = (await admin('audit --denied --actor vi --json'))
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(denied).toMatchObject([{ actor: 'vi', result: 'denied', type: 'deny' }]);
  });

  it('changes what users may do; disabled and deleted ones are let in no more', async () => {
    expect(await admin('user set-role vi user')).toBe('vi is user now');
    expect(await admin('user disable vi')).toBe('vi is disabled: none of its tokens is taken');
    expect(await by('vi', 'ps')).toMatchObject({ code: 4 });
    expect(await admin('user enable vi')).toBe('vi may call again');
    expect(await by('vi', 'whoami')).toMatchObject({ code: 0 });
    expect(await admin('user delete vi -y')).toBe('vi deleted');
    expect(await by('vi', 'ps')).toMatchObject({ code: 4 });
    expect(await admin('user list')).not.toContain('vi ');
  });

  it('sees in the audit what a change made of a user', async () => {
    await admin('user create zoe');
    await admin('user set-role zoe admin');
    await admin('user disable zoe');
    const lines = (await admin('audit --noun users --limit 2')).split('\n');
    expect(lines[0]).toMatch(/zoe \(\w{8}\) change: admin ACTIVE -> admin DISABLED /);
    expect(lines[1]).toMatch(/zoe \(\w{8}\) change: user ACTIVE -> admin ACTIVE /);
    await admin('user delete zoe -y');
  });

  it('gets JSON of everything', async () => {
    expect(JSON.parse(await admin('user create bot --service --ttl 1h --json'))).toMatchObject({
      name: 'bot',
      kind: 'service',
      token: expect.stringMatching(/^drv_/) as string,
      tokens: 1,
      expiresAt: expect.any(String) as string,
      login: `drover login ${herd.url}`,
    });
    expect(JSON.parse(await admin('user list --json'))).toMatchObject([{ name: 'ana' }, { name: 'bot' }]);
    expect(JSON.parse(await admin('token list -u --json'))[0]).toMatchObject({ user: 'bot' });
    expect(JSON.parse(await admin('project set lab --max-gpus 2 --json')).quotas).toMatchObject({
      instances: 1,
      gpus: 2,
    });
    expect(JSON.parse(await admin('project show lab --json'))).toMatchObject({
      members: [{ user: 'ana', role: 'user' }],
    });
    expect(JSON.parse(await admin('user set-role bot viewer --json'))).toMatchObject({ role: 'viewer' });
  });
});

describe('a context', () => {
  const tokenOf = async (name: string): Promise<string> => await admin(`token create ${name} --user cleo`);
  const config = (): string => readFileSync(configOf('cleo'), 'utf8');
  const login = async (line: string, token: string): Promise<Ended> =>
    await by('cleo', `login ${line} --token-file -`, token);

  beforeAll(async () => {
    await admin('user create cleo');
    await admin('project create shed');
    await admin('project add-member shed cleo');
  });

  it('keeps its project over another login, which with no address renews the one in use', async () => {
    await login(`${herd.url} --name a --project shed`, await tokenOf('first'));
    const again = await login(`${herd.url} --name a`, await tokenOf('second'));
    expect(again.out).toBe(`cleo (user in project shed) at ${herd.url}; context a is in use\n`);
    expect((await by('cleo', 'whoami')).out).toContain('role      user in project shed');
    const renewed = await by('cleo', 'login --token-file -', await tokenOf('third'));
    expect(renewed.out).toContain('context a is in use');
    expect(config().match(/^\[contexts/gm)).toHaveLength(1);
    expect((await by('cleo', 'whoami')).out).toMatch(/project shed\n.*\n.*token +third /);
  });

  it('takes the token of a file in place of the one that it held', async () => {
    const file = herd.stateOf('cleo.token');
    writeFileSync(file, await tokenOf('in-a-file'), { mode: 0o600 });
    await by('cleo', `config set-context a --token-file ${file}`);
    expect((await by('cleo', 'whoami')).out).toMatch(/token +in-a-file /);
    expect(config()).not.toContain('token = "drv_');
  });

  it('is logged out of although its project is closed and its token is in a file; what the shell names is meant', async () => {
    await login(`${herd.url} --name b`, await tokenOf('of-b'));
    const b = /token = "(drv_[^"]+)"/.exec(config())?.[1] ?? '';
    await by('cleo', 'config use-context a');
    const left = await run('cleo', ['logout'], '', { DROVER_CONTEXT: 'b' });
    expect(left).toMatchObject({ code: 0, out: 'logged out of b; its token is revoked\n' });
    expect((await by('cleo', `whoami --head ${herd.url} --token ${b}`)).code).toBe(4);
    await admin('project remove-member shed cleo');
    expect((await by('cleo', 'whoami')).err).toBe('drover: no project shed for you\n');
    const file = herd.stateOf('cleo.token');
    expect(await by('cleo', 'logout')).toMatchObject({
      code: 0,
      out: `logged out of a; its token is revoked; ${file} holds it still\n`,
    });
    expect(config()).not.toContain('tokenFile');
    const dead = await by('cleo', `login ${herd.url} --token-file ${file}`);
    expect(dead.code).toBe(4);
  });

  it('is forgotten although its head is gone, which is said and left with another code', async () => {
    await login(`${herd.url} --name c`, await tokenOf('of-c'));
    await by('cleo', 'config set-context c --url http://127.0.0.1:9');
    const ended = await by('cleo', 'logout');
    expect([ended.code, ended.out]).toEqual([
      5,
      expect.stringMatching(
        /^logged out of c; its token drv_\S{4}\.\.\. could not be revoked \(cannot reach/,
      ),
    ]);
    expect(config()).not.toMatch(/^token = /m);
  });
});

it('what is wrong is told in a sentence, with the exit code of its kind', async () => {
  const usage = 2;
  const wrong: [who: string, line: string, code: number, says: RegExp][] = [
    ['admin', 'user create Bad_', usage, /^drover: name: 1 to 64 of a-z/],
    ['admin', 'user create', usage, /missing required argument 'name'/],
    ['admin', 'user create admin', 1, /there is a user admin already/],
    ['admin', 'user set-role ana boss', usage, /viewer, user, admin/],
    ['admin', 'user disable nobody', 3, /^drover: no user nobody$/m],
    ['admin', 'user delete ana', usage, /-y/],
    ['admin', 'token create', usage, /nobody in particular; name a user/],
    ['admin', 'token create --user ana --ttl 1h --forever', usage, /exclude each other/],
    ['admin', 'token create --user ana --ttl soon', usage, /duration/],
    ['admin', 'token revoke zzzz', 3, /^drover: no token zzzz$/m],
    ['admin', 'project create default', 1, /there is a project default already/],
    ['admin', 'project set lab', usage, /nothing to change/],
    ['admin', 'project set lab --max-gpus many', usage, /whole number/],
    ['admin', 'project set lab --open --private', usage, /exclude each other/],
    ['admin', 'project set default --private', usage, /cannot be private$/m],
    ['admin', 'project delete default -y', usage, /the default project stays$/m],
    ['admin', 'project add-member lab nobody', 3, /^drover: no user nobody$/m],
    ['admin', 'audit --limit 0', usage, /whole number/],
    ['none', `login ${herd.url}`, usage, /--token-file FILE, or - for standard input/],
    ['none', `login ${herd.url} --token-file -`, usage, /no token came/],
    ['none', `login ${herd.url} --token-file /nowhere`, usage, /^drover: --token-file \/nowhere: /],
    ['none', `login ${herd.url} --token drv_x`, usage, /list of processes.*\n.*--token-file FILE/],
    ['none', 'login http://any:drv_x@127.0.0.1:9', usage, /list of processes/],
    ['none', 'login ftp://head', usage, /http or https/],
    ['none', 'login http://127.0.0.1:9 --token-file /etc/hostname', 5, /cannot reach the head/],
    ['none', 'logout', 3, /no context is in use/],
    ['none', 'whoami --head http://192.0.2.2:1 --ca ca_MII', usage, /^drover: ca: /],
    ['admin', 'user create long --ttl 4000d', usage, /at most 3650d/],
    ['none', `whoami --head ${herd.url}`, 4, /"drover login"/],
  ];
  const left = [...wrong];
  const lane = async (): Promise<void> => {
    for (let next = left.shift(); next; next = left.shift()) {
      const [who, line, code, says] = next;
      const ended = await by(who, line);
      expect([line, ended.code, ended.out]).toEqual([line, code, '']);
      expect(ended.err, line).toMatch(says);
      expect(ended.err, line).not.toMatch(/\n\s+at /);
    }
  };
  await Promise.all([lane(), lane(), lane()]);
});

it('tables keep to a terminal of 20 columns', async () => {
  for (const line of ['user list', 'token list -u', 'project list']) {
    const shell = `stty cols 20 rows 24; exec '${DROVER}' ${line}`;
    const child = spawn('/bin/sh', ['-c', 'exec script -qec "$0" /dev/null', shell], {
      env: {
        PATH: process.env['PATH'],
        HOME: herd.stateOf('home-admin'),
        DROVER_HEAD: herd.url,
        DROVER_TOKEN: herd.token,
        NO_COLOR: '1',
        SHELL: '/bin/sh',
        LANG: 'C.UTF-8',
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let out = '';
    child.stdout.on('data', (chunk) => {
      out += chunk;
    });
    await new Promise((resolve) => child.once('close', resolve));
    const lines = out.trimEnd().split('\r\n');
    expect(lines.length, out).toBeGreaterThan(1);
    for (const each of lines) expect(each.length, each).toBeLessThanOrEqual(20);
  }
});
