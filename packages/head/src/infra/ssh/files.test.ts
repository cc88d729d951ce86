/** What is read from files and put into scripts for ssh hosts. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { KnownHosts } from './known-hosts.ts';
import { parsePools, refuseOpenPasswords } from './pools.ts';
import { makeRuntime } from './runtime.ts';
import { quote } from './scripts.ts';

const dir = mkdtempSync(join(tmpdir(), 'drover-ssh-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const CONFIG = `
# first value counts
User everybody
Host gpu-* !gpu-9
  HostName %h.example.com
  Port 2200
  User alice
  IdentityFile ~/.ssh/gpu
Host behind
  ProxyJump bastion
Match host *
  User nobody
Host *
  Port 22
`;
const parse = (text: string) => parsePools(text, 'pools.yaml', CONFIG, 'me');

describe('pools', () => {
  it('names hosts by address, by alias, or with everything that is said of them', () => {
    const pools = parse(`
lab:
  user: bob
  identity_file: ~/.ssh/lab
  hosts:
    - 10.0.0.1
    - {ip: 10.0.0.2, user: carol, password: secret, port: 2222, name: two}
farm:
  hosts: [gpu-1, gpu-9]
`);
    expect(pools.get('lab')).toMatchObject([
      { pool: 'lab', name: '10.0.0.1', address: '10.0.0.1', port: 22, user: 'bob', password: null },
      { name: 'two', address: '10.0.0.2', port: 2222, user: 'carol', password: 'secret' },
    ]);
    expect(pools.get('lab')?.[0]?.identityFiles).toEqual([`${homedir()}/.ssh/lab`]);
    expect(pools.get('farm')).toMatchObject([
      { name: 'gpu-1', address: 'gpu-1.example.com', port: 2200, user: 'everybody' },
      { name: 'gpu-9', address: 'gpu-9', port: 22 },
    ]);
    expect(pools.get('farm')?.[0]?.identityFiles).toEqual([`${homedir()}/.ssh/gpu`]);
  });

  it('holds passwords only in a file of its owner alone', () => {
    const open = parse('lab:\n  hosts: [{ip: 10.0.0.2, password: secret}]\n');
    for (const mode of [0o644, 0o640, 0o604])
      expect(() => refuseOpenPasswords(open, 'pools.yaml', mode)).toThrow(
        /open to others.*chmod 600 pools\.yaml/,
      );
    refuseOpenPasswords(open, 'pools.yaml', 0o100600);
    refuseOpenPasswords(parse('lab: {hosts: [10.0.0.1]}'), 'pools.yaml', 0o644);
  });

  it('refuses a host that is reached through another one, with what to do', () => {
    expect(parse('lab: {hosts: [behind]}').get('lab')?.[0]?.refused).toMatch(
      /through a proxy .* give an address/,
    );
  });

  it.each([
    ['lab: {hosts: []}', /lab\.hosts/],
    ['lab: {hosts: [a, a]}', /"a" is there twice/],
    ['lab: {hosts: [{ip: a, colour: red}]}', /lab\.hosts/],
    ['"a b": {hosts: [a]}', /letters, digits/],
    ['lab: [', /pools\.yaml/],
  ])('refuses %s, naming the place', (text, message) => {
    expect(() => parse(text)).toThrow(message);
  });
});

describe('host keys', () => {
  it('are trusted at the first sight, and refused when they have changed', () => {
    const path = join(dir, 'known.json');
    expect(new KnownHosts(path).trust('10.0.0.1', 22, Buffer.from('one'))).toBe(true);
    const again = new KnownHosts(path);
    expect(again.trust('10.0.0.1', 22, Buffer.from('one'))).toBe(true);
    expect(again.trust('10.0.0.1', 22, Buffer.from('two'))).toBe(false);
    expect(again.trust('10.0.0.1', 2222, Buffer.from('two'))).toBe(true);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });
});

describe('what goes to a host', () => {
  it.each(["it's", '$(touch x)', '`id`', '"q"', 'a\nb', '\\', '; rm -rf /', "''", 'Größe 🐑'])(
    '%j is one word of sh, and nothing else',
    (text) => {
      expect(execFileSync('sh', ['-s'], { input: `printf '%s' ${quote(text)}` }).toString()).toBe(text);
    },
  );

  it('is an archive that tar unpacks, named by its content', async () => {
    const bundle = join(dir, 'bundle');
    mkdirSync(bundle);
    writeFileSync(join(bundle, 'bin.js'), 'console.log("hello")\n');
    writeFileSync(join(bundle, 'shim.sh'), 'x'.repeat(5_000), { mode: 0o755 });
    const runtime = await makeRuntime(bundle, join(dir, 'cache'));
    const chunks: Buffer[] = [];
    for await (const chunk of await runtime.open(false)) chunks.push(chunk as Buffer);
    const to = join(dir, 'unpacked');
    mkdirSync(to);
    execFileSync('tar', ['-xzf', '-', '-C', to], { input: Buffer.concat(chunks) });
    expect(readFileSync(join(to, 'dist/bin.js'), 'utf8')).toBe('console.log("hello")\n');
    expect(readFileSync(join(to, 'dist/shim.sh')).length).toBe(5_000);
    expect(statSync(join(to, 'dist/shim.sh')).mode & 0o111).not.toBe(0);
    expect(JSON.parse(readFileSync(join(to, 'package.json'), 'utf8'))).toEqual({ type: 'module' });
    expect((await makeRuntime(bundle, join(dir, 'cache'))).hash).toBe(runtime.hash);
    writeFileSync(join(bundle, 'bin.js'), 'console.log("hullo")\n');
    expect((await makeRuntime(bundle, join(dir, 'cache'))).hash).not.toBe(runtime.hash);
  });
});

it('a file that is no YAML is named once, with the place', () => {
  expect(() => parse('lab:\n  password: a: b\n')).toThrow(/^[^:]*pools\.yaml:2:13: /);
});
