/** The scripts for hosts, run by the sh of this machine. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eraseScript, quote, startScript } from './scripts.ts';

/** A namespace of one's own, where one may mount. */
const canMount = spawnSync('unshare', ['-rm', 'true']).status === 0;

let home = '';
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'drover-scripts-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const sh = (script: string, before = '') =>
  spawnSync('unshare', canMount ? ['-rm', 'sh', '-s'] : ['true'], {
    input: `${before}\n${script}`,
    env: { PATH: process.env['PATH'], HOME: home },
    encoding: 'utf8',
  });

describe.skipIf(!canMount)('the end of a worker on a host', () => {
  const worker = () => join(home, '.drover', 'worker', 'drover-1');

  it('leaves what is mounted in its folder alone, and says so', () => {
    const theirs = join(home, 'theirs');
    const inside = join(worker(), 'state', 'homes', 'n', 'data');
    for (const path of [theirs, inside]) mkdirSync(path, { recursive: true });
    writeFileSync(join(theirs, 'precious'), '');
    const ended = sh(eraseScript('drover-1'), `mount --bind ${theirs} ${inside}`);
    expect(ended.status).toBe(1);
    expect(ended.stderr).toContain(`something is mounted at ${inside}: unmount it`);
    expect(existsSync(join(theirs, 'precious'))).toBe(true);
  });

  it('removes all of it, does not follow links, and is done where there is nothing', () => {
    const theirs = join(home, 'theirs');
    for (const path of [theirs, join(worker(), 'state')]) mkdirSync(path, { recursive: true });
    writeFileSync(join(theirs, 'precious'), '');
    execFileSync('ln', ['-s', theirs, join(worker(), 'state', 'link')]);
    for (let times = 0; times < 2; times++) expect(sh(eraseScript('drover-1')).stdout).toBe('done\n');
    expect(existsSync(join(home, '.drover'))).toBe(false);
    expect(existsSync(join(theirs, 'precious'))).toBe(true);
  });
});

it('what the file of pools says reaches the worker as it stands there, and runs nothing', () => {
  const name = `a 'b' "c" $(touch ${join(home, 'x')}) \`id\` \\ \n; exit 7 #`;
  expect(execFileSync('sh', ['-c', `printf %s ${quote(name)}`], { encoding: 'utf8' })).toBe(name);
  const start = {
    tag: 'drover-1',
    head: { url: 'http://h', ca: null },
    joinToken: name,
    name,
    cpus: 1,
    memoryMiB: 1,
  };
  const script = startScript({ ...start, runtime: 'r', node: '/bin/true' });
  const ended = spawnSync('sh', ['-s'], { input: script, env: { HOME: home }, encoding: 'utf8' });
  expect(ended.stdout).toBe('started\n');
  expect(existsSync(join(home, 'x'))).toBe(false);
});

it.each([
  ['ca_abc', 'ca_abc\n'],
  [null, '\n'],
])('a worker is told the authority of its head: %s', async (ca, told) => {
  const node = join(home, 'node');
  writeFileSync(node, '#!/bin/sh\necho "${DROVER_CA-}" > "$HOME/told"\n', { mode: 0o755 });
  const head = { url: 'https://h', ca };
  const start = {
    tag: 'drover-2',
    head,
    joinToken: null,
    name: 'n',
    cpus: 1,
    memoryMiB: 1,
    runtime: 'r',
    node,
  };
  spawnSync('sh', ['-s'], { input: startScript(start), env: { HOME: home, PATH: process.env['PATH'] } });
  await expect
    .poll(() => (existsSync(join(home, 'told')) ? readFileSync(join(home, 'told'), 'utf8') : null))
    .toBe(told);
});
