/** A folder on its way: from a client to a real head, and from there into the home of a node, where a command reads it. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@drover/client';
import type { StartOrder } from '@drover/core/wire';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { LinkClient } from '../../packages/head/src/testing/link-client.ts';
import { startTestHead, type TestHead } from '../../packages/head/src/testing/test-head.ts';
import { type Homes, Stopper } from '../../packages/worker/src/agent/index.ts';
import { headFiles, openHomes } from '../../packages/worker/src/files/index.ts';
import { Bench, orderFor } from '../../packages/worker/src/os/testing.ts';
import { startProxy } from './cut-proxy.ts';

let head: TestHead;
let client: Client;
let worker: LinkClient;
let identity: string;
beforeAll(async () => {
  head = await startTestHead();
  client = new Client({ url: head.url, token: head.token });
  worker = await LinkClient.open(head);
  await worker.greet();
  identity = worker.token;
});
afterAll(async () => {
  worker.ws.terminate();
  await head.close();
});

/** Sends it, and sees to it that the worker has something to lay it out for. */
async function sendOut(...args: Parameters<Client['files']['send']>): ReturnType<Client['files']['send']> {
  const sent = await client.files.send(...args);
  await worker.layOut(head, sent.tree);
  return sent;
}

let dir: string;
let bench: Bench;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'drover-files-'));
  vi.stubEnv('XDG_CACHE_HOME', join(dir, 'cache'));
  mkdirSync(join(dir, 'w'));
  bench = new Bench();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await bench.dispose();
  rmSync(dir, { recursive: true, force: true });
});

const source = (...path: string[]): string => join(dir, 'w', ...path);
const write = (path: string, text: string | Uint8Array): void => {
  mkdirSync(join(source(path), '..'), { recursive: true });
  writeFileSync(source(path), text);
};
const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };
const homesOn = (url = head.url, boot = 'boot-1', token = identity): Homes =>
  openHomes({ stateDir: bench.dir, bootId: boot, head: headFiles({ url, ca: null }, { token }), log: quiet });
const home = (...path: string[]): string => join(bench.dir, 'homes', 'n1', ...path);
const orderOf = (files: StartOrder['files'], command: StartOrder['command'] = 'true'): StartOrder =>
  orderFor(command, { home: 'n1', files });
const prepare = (homes: Homes, files: StartOrder['files']): Promise<void> =>
  homes.prepare(orderOf(files), new Stopper());
const failure = async (work: Promise<unknown>): Promise<{ code: string; message: string }> =>
  work.then(
    () => {
      throw new Error('it did not fail');
    },
    (error: unknown) => error as { code: string; message: string },
  );

describe('a folder', () => {
  it('is sent, laid out, and read by a command that begins in it', async () => {
    write('run.sh', '#!/bin/sh\necho "$HOME $PWD $DROVER_RANK"; cat data/in.txt link');
    chmodSync(source('run.sh'), 0o755);
    write('data/in.txt', 'hello\n');
    mkdirSync(source('empty'));
    symlinkSync('data/in.txt', source('link'));
    write('big.bin', randomBytes(3_000_000));
    write('.git/HEAD', 'ref');
    const sent = await sendOut(source());
    expect(sent).toMatchObject({ files: 3, sentBytes: sent.bytes });
    expect((await sendOut(source())).sentBytes).toBe(0);

    const machine = await bench.open();
    const homes = homesOn();
    const order = {
      ...orderOf([{ tree: sent.tree, target: '~/workdir' }], './run.sh'),
      context: { DROVER_RANK: '3' },
    };
    await homes.prepare(order, new Stopper());
    const { log } = await bench.run(machine, order);
    expect(log).toBe(`${home()} ${home('workdir')} 3\nhello\nhello\n`);
    expect(lstatSync(home('workdir', 'link')).isSymbolicLink()).toBe(true);
    expect(readFileSync(home('workdir', 'big.bin')).equals(readFileSync(source('big.bin')))).toBe(true);
    expect(statSync(home('workdir', 'empty')).isDirectory()).toBe(true);
    expect(existsSync(home('workdir', '.git'))).toBe(false);
    expect(readlinkSync(home('sky_workdir'))).toBe('workdir');
    expect(statSync(home()).mode & 0o777).toBe(0o700);
  });

  it('is laid out again with only what differs, and keeps what is not in it', async () => {
    for (const name of ['same', 'changed', 'mode', 'edited']) write(name, `${name} 1`);
    const homes = homesOn();
    const first = await sendOut(source());
    await prepare(homes, [{ tree: first.tree, target: 'workdir' }]);
    const looks = (name: string) => {
      const { ino, mtimeNs, mode: bits } = lstatSync(home('workdir', name), { bigint: true });
      return { ino, mtimeNs, mode: bits };
    };
    const [same, mode] = [looks('same'), looks('mode')];
    writeFileSync(home('workdir', 'own'), 'made there');
    writeFileSync(home('workdir', 'edited'), 'edited 2');
    write('changed', 'changed 2');
    chmodSync(source('mode'), 0o755);
    const second = await sendOut(source());
    expect(second.sentBytes).toBe(9);
    await prepare(homes, [{ tree: second.tree, target: 'workdir' }]);
    expect(looks('same')).toEqual(same);
    expect(looks('mode').ino).toBe(mode.ino);
    expect(looks('mode').mode & 0o777n).toBe(0o755n);
    const text = (name: string) => readFileSync(home('workdir', name), 'utf8');
    expect(['changed', 'own', 'edited'].map(text)).toEqual(['changed 2', 'made there', 'edited 1']);
    // After the machine was started again nothing is believed that was not read.
    await prepare(homesOn(head.url, 'boot-2'), [{ tree: second.tree, target: 'workdir' }]);
    expect(looks('same')).toEqual(same);
  });

  it('of which a folder became a file, and a file a folder, is laid out all the same', async () => {
    write('a/x', '1');
    write('b', '2');
    const homes = homesOn();
    await prepare(homes, [{ tree: (await sendOut(source())).tree, target: 'workdir' }]);
    rmSync(source('b'));
    write('b/y', '3');
    rmSync(source('a'), { recursive: true });
    write('a', '4');
    const { tree } = await sendOut(source());
    // A folder with something in it is not thrown away for a file.
    const refused = await failure(prepare(homes, [{ tree, target: 'workdir' }]));
    expect(refused).toMatchObject({
      code: 'MOUNT_REFUSED',
      message: expect.stringMatching(/workdir\/a is a folder/),
    });
    rmSync(home('workdir', 'a', 'x'));
    await prepare(homes, [{ tree, target: 'workdir' }]);
    expect([
      readFileSync(home('workdir', 'a'), 'utf8'),
      readFileSync(home('workdir', 'b', 'y'), 'utf8'),
    ]).toEqual(['4', '3']);
  });

  it('of 20,000 files is sent again after one change with that one only', async () => {
    for (let at = 0; at < 20_000; at++) {
      if (at % 200 === 0) mkdirSync(source(`d${at / 200}`));
      writeFileSync(source(`d${Math.floor(at / 200)}`, `f${at}`), `content ${at}`);
    }
    const first = await sendOut(source());
    expect(first.files).toBe(20_000);
    appendFileSync(source('d7', 'f1400'), '!');
    const second = await sendOut(source());
    expect(second.sentBytes).toBe('content 1400!'.length);
    await prepare(homesOn(), [{ tree: second.tree, target: 'workdir' }]);
    expect(execFileSync('diff', ['-rq', source(), home('workdir')], { encoding: 'utf8' })).toBe('');
  });
});

describe('what stays at home', () => {
  const namesIn = async (): Promise<string[]> => {
    const { tree } = await sendOut(source());
    await prepare(homesOn(), [{ tree, target: 'workdir' }]);
    return (readdirSync(home('workdir'), { recursive: true }) as string[]).sort();
  };

  it('is what .gitignore files say, nested ones too', async () => {
    write('.gitignore', '*.log\n/build/\n!keep.log\n');
    write('sub/.gitignore', 'secret\n!deep.log\n');
    for (const name of [
      'a.log',
      'keep.log',
      'build/x',
      'sub/build/x',
      'sub/secret',
      'sub/deep.log',
      'secret',
    ])
      write(name, '');
    expect(await namesIn()).toEqual(
      [
        '.gitignore',
        'keep.log',
        'secret',
        'sub',
        'sub/.gitignore',
        'sub/build',
        'sub/build/x',
        'sub/deep.log',
      ].sort(),
    );
  });

  it('is refused for a pattern that could hold everything up', async () => {
    write('a'.repeat(200), 'x');
    write('.skyignore', `ok\n${'a*'.repeat(40)}b\n`);
    await expect(sendOut(source())).rejects.toMatchObject({
      code: 'FILES_REFUSED',
      message: expect.stringContaining('line 2 of the ignore rules'),
    });
  });

  it('is what .skyignore says, and it alone', async () => {
    write('.gitignore', '*.log\n');
    write('.skyignore', 'big\n!.git\n');
    for (const name of ['a.log', 'big/x', '.git/HEAD']) write(name, '');
    expect(await namesIn()).toEqual(['.git', '.git/HEAD', '.gitignore', '.skyignore', 'a.log'].sort());
  });

  it('is what the repository around it says', async () => {
    mkdirSync(join(dir, '.git', 'info'), { recursive: true });
    writeFileSync(join(dir, '.git', 'info', 'exclude'), '*.tmp\n');
    writeFileSync(join(dir, '.gitignore'), '/w/out\n');
    for (const name of ['out/x', 'in/out/x', 'a.tmp']) write(name, '');
    expect(await namesIn()).toEqual(['in', 'in/out', 'in/out/x']);
  });
});

describe('what cannot be sent is refused, and named', () => {
  it.each<[string, () => unknown, string, RegExp]>([
    [
      'a link that leaves',
      () => symlinkSync('../../etc', source('l')),
      'FILES_REFUSED',
      /w\/l .*leaves the folder/,
    ],
    [
      'an absolute link',
      () => symlinkSync('/etc/passwd', source('l')),
      'FILES_REFUSED',
      /w\/l .*\/etc\/passwd/,
    ],
    ['a pipe', () => void execFileSync('mkfifo', [source('p')]), 'FILES_REFUSED', /w\/p .*a pipe/],
    [
      'a name that is not UTF-8',
      () => writeFileSync(Buffer.concat([Buffer.from(`${source()}/`), Buffer.from([0xff])]), ''),
      'FILES_REFUSED',
      /not UTF-8/,
    ],
    ['no folder at all', () => rmSync(source(), { recursive: true }), 'FILES_NOT_FOUND', /nothing at .*w/],
  ])('%s', async (_, make, code, message) => {
    await make();
    const error = await failure(sendOut(source()));
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
  });

  it('a socket', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(source('s'), resolve));
    expect(await failure(sendOut(source()))).toMatchObject({ code: 'FILES_REFUSED' });
    await new Promise((resolve) => server.close(resolve));
  });

  it('a file that changes whenever it is read', async () => {
    write('a', 'x');
    const onProgress = (): void => appendFileSync(source('a'), 'y');
    expect(await failure(sendOut(source(), { onProgress }))).toMatchObject({
      code: 'FILES_CHANGED',
      message: expect.stringMatching(/w\/a changed/),
    });
  });

  it('a file that changes once is sent as it is then', async () => {
    write('a', 'x');
    let isFirst = true;
    const onProgress = (): void => {
      if (isFirst) appendFileSync(source('a'), 'y');
      isFirst = false;
    };
    expect((await sendOut(source(), { onProgress })).bytes).toBe(2);
  });
});

describe('targets', () => {
  const file = async (text = 'x'): Promise<string> => {
    write('f', text);
    return (await sendOut(source('f'))).tree;
  };

  it('of single files and of paths in the home are what they say', async () => {
    const tree = await file('one');
    await prepare(homesOn(), [
      { tree, target: '~/.config/x/f.txt' },
      { tree, target: 'rel/f' },
    ]);
    expect([home('.config/x/f.txt'), home('rel/f')].map((path) => readFileSync(path, 'utf8'))).toEqual([
      'one',
      'one',
    ]);
  });

  it('that are absolute become links to the home, and go with it', async () => {
    const tree = await file('one');
    const at = join(dir, 'mnt', 'deep', 'f');
    const homes = homesOn();
    await prepare(homes, [{ tree, target: at }]);
    await prepare(homes, [{ tree, target: at }]);
    expect([readFileSync(at, 'utf8'), readlinkSync(at)]).toEqual(['one', home('mounts', at.slice(1))]);
    const other = await failure(
      homes.prepare(orderFor('true', { home: 'n2', files: [{ tree, target: at }] }), new Stopper()),
    );
    expect(other).toMatchObject({ code: 'MOUNT_REFUSED', message: expect.stringMatching(/another node/) });
    chmodSync(home('mounts'), 0o500);
    await homes.remove('n1');
    expect([existsSync(home()), existsSync(join(dir, 'mnt')), existsSync(dir)]).toEqual([false, false, true]);
    await homes.remove('n1');
  });

  it('within each other are laid out both', async () => {
    write('in', 'outer');
    const outer = await sendOut(source());
    const inner = await file('inner');
    const at = join(dir, 'm');
    const homes = homesOn();
    for (let times = 0; times < 2; times++)
      await prepare(homes, [
        { tree: inner, target: `${at}/sub/f` },
        { tree: outer.tree, target: at },
      ]);
    expect([readFileSync(`${at}/in`, 'utf8'), readFileSync(`${at}/sub/f`, 'utf8')]).toEqual([
      'outer',
      'inner',
    ]);
  });

  it.each<[string, RegExp]>([
    ['/', /belongs to the system/],
    ['/etc', /belongs to the system/],
    ['/etc/x', /belongs to the system/],
    ['/proc/1', /belongs to the system/],
    ['//dev/./null', /belongs to the system/],
    ['~/../x', /".."/],
    ['a/../../x', /".."/],
    ['~', /the home itself/],
    ['.', /the home itself/],
    ['~root/x', /another user's home/],
    ['/tmp', /something is there already/],
  ])('%s is refused', async (target, message) => {
    const tree = await file();
    expect(await failure(prepare(homesOn(), [{ tree, target }]))).toMatchObject({
      code: 'MOUNT_REFUSED',
      message: expect.stringMatching(message),
    });
  });

  it('the same one twice, in whatever words, is refused', async () => {
    const tree = await file();
    const error = await failure(
      prepare(homesOn(), [
        { tree, target: '~/a/b' },
        { tree, target: 'a//b/' },
      ]),
    );
    expect(error).toMatchObject({ code: 'MOUNT_REFUSED', message: expect.stringMatching(/same place/) });
  });

  it('through a link that leaves the home is refused, and nothing is written there', async () => {
    const tree = await file();
    mkdirSync(home(), { recursive: true });
    mkdirSync(join(dir, 'outside'));
    symlinkSync(join(dir, 'outside'), home('out'));
    mkdirSync(home('in'));
    symlinkSync('in', home('alias'));
    expect(await failure(prepare(homesOn(), [{ tree, target: '~/out/f' }]))).toMatchObject({
      code: 'MOUNT_REFUSED',
    });
    expect(readdirSync(join(dir, 'outside'))).toEqual([]);
    await prepare(homesOn(), [{ tree, target: '~/alias/f' }]);
    expect(readdirSync(home('in'))).toEqual(['f']);
  });

  it('a link in the way of a removal is not followed', async () => {
    mkdirSync(home(), { recursive: true });
    symlinkSync(source(), home('out'));
    write('f', 'mine');
    await homesOn().remove('n1');
    expect([existsSync(home()), readFileSync(source('f'), 'utf8')]).toEqual([false, 'mine']);
  });
});

describe('a head that is not there', () => {
  it('is waited for until a stop comes', async () => {
    const stopper = new Stopper();
    const waiting = homesOn('http://127.0.0.1:9').prepare(
      orderOf([{ tree: 'ab'.repeat(32), target: 'w' }]),
      stopper,
    );
    stopper.stop();
    await expect(waiting).rejects.toThrow('stopped');
  });

  it('or cuts its answers is asked again, from where it was', async () => {
    write('big.bin', randomBytes(5_000_000));
    for (let at = 0; at < 200; at++) write(`f${at}`, `small ${at}`);
    const { tree } = await sendOut(source());
    const proxy = await startProxy(head.url, 700_000);
    await prepare(homesOn(proxy.url), [{ tree, target: 'workdir' }]);
    expect(proxy.cuts).toBeGreaterThan(2);
    await proxy.close();
    expect(execFileSync('diff', ['-r', source(), home('workdir')], { encoding: 'utf8' })).toBe('');
  });

  it('and one that does not have the files any more is told from it', async () => {
    const error = await failure(prepare(homesOn(), [{ tree: 'ab'.repeat(32), target: 'w' }]));
    expect(error).toMatchObject({
      code: 'FILES_UNAVAILABLE',
      message: expect.stringMatching(/send them again/),
    });
  });
});
