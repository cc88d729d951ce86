/** Real heads that must not start, must not both write, or must be as they were after a restore. */
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadDriver } from '../../packages/head/src/store/driver.ts';
import { until } from '../e2e/real-herd.ts';
import { dropSchema, newPostgresUrl } from './databases.ts';
import { RealHead } from './real-head.ts';
import { type Ended, runDrover } from './run-drover.ts';

let head: RealHead;
let others: RealHead[];
let urls: string[];
beforeEach(() => {
  head = new RealHead();
  others = [];
  urls = [];
});
afterEach(async () => {
  for (const each of [head, ...others]) await each.close();
  for (const url of urls) await dropSchema(url);
});
const another = (): RealHead => {
  const made = new RealHead();
  others.push(made);
  return made;
};
const newUrl = (): string => {
  const url = newPostgresUrl();
  urls.push(url);
  return url;
};
const startFails = (state: string, env: Record<string, string> = {}): Promise<Ended> =>
  runDrover(['head', '--state', state, '--port', '0'], env);

async function submitSome(count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let i = 0; i < count; i++) ids.push((await head.submit({ name: `n${i}` })).json.id);
  return ids.sort();
}

it('P20: of two heads on one database the second ends, and takes over when the first has died', async () => {
  const env = { DROVER_STORE: newUrl() };
  await head.start([], env);
  const ids = await submitSome(5);
  expect((await head.call('GET', '/v1/head')).json).toMatchObject({ epoch: 1, store: { kind: 'postgres' } });
  const second = another();
  const refused = await startFails(second.state, env);
  expect(refused).toMatchObject({ code: 1, out: '' });
  expect(refused.err).toMatch(
    new RegExp(
      `in use by another head: drover head ${head.child?.pid} on \\S+, connected from 127.0.0.1, since \\d{4}-`,
    ),
  );
  expect(refused.err).not.toMatch(/at \w+.*\.js:/);
  await head.kill();
  await until('the server has noticed', async () => {
    try {
      await second.start([], env);
      return true;
    } catch (error) {
      expect(String(error)).toMatch(/in use by another head/);
      return false;
    }
  });
  expect(await second.ids()).toEqual(ids);
  expect((await second.call('GET', '/v1/head')).json).toMatchObject({
    epoch: 2,
    store: { kind: 'postgres', status: 'ok' },
  });
}, 90_000);

describe.each(['sqlite', 'postgres'] as const)('on %s', (kind) => {
  let env: Record<string, string>;
  beforeEach(() => {
    env = kind === 'postgres' ? { DROVER_STORE: newUrl() } : {};
  });

  it('N16: a create whose answer was lost is answered with the same instance when it comes again', async () => {
    await head.start([], env);
    const body = JSON.stringify({ command: 'true', name: 'once' });
    const headers = { 'idempotency-key': 'k1' };
    const socket = connect(Number(new URL(head.url).port), '127.0.0.1');
    socket.write(
      `POST /v1/instances HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${head.token}\r\nContent-Type: application/json\r\n` +
        `Idempotency-Key: k1\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    socket.on('error', () => undefined);
    await until('it is stored', async () => (await head.ids()).length === 1);
    socket.destroy();
    const [id] = await head.ids();
    const again = await head.call('POST', '/v1/instances', JSON.parse(body), headers);
    expect([again.status, again.json.id]).toEqual([201, id]);
    await head.kill();
    await until(
      'it is back',
      async () =>
        await head.start([], env).then(
          () => true,
          () => false,
        ),
    );
    const afterwards = await head.call('POST', '/v1/instances', JSON.parse(body), headers);
    expect([afterwards.status, afterwards.json.id]).toEqual([201, id]);
    expect(await head.ids()).toEqual([id]);
  });

  it('D6: a backup of a running head is restored elsewhere, with its records, its token and a later epoch', async () => {
    await head.start([], env);
    const ids = await submitSome(8);
    const file = join(head.dir, 'b');
    const place = ['--state', head.state];
    const saved = await runDrover(['head', 'backup', file, ...place, '--json'], env);
    expect(saved).toMatchObject({ code: 0 });
    expect(JSON.parse(saved.out)).toMatchObject({
      file,
      epoch: 1,
      store: kind,
      herd: (await head.call('GET', '/v1/head')).json.herd,
    });
    expect(await runDrover(['head', 'backup', file, ...place], env)).toMatchObject({
      code: 1,
      err: expect.stringMatching(/there already.*--replace/),
    });
    const late = (await head.submit({ name: 'late' })).json.id;
    expect(await runDrover(['head', 'restore', file, ...place, '--replace'], env)).toMatchObject({
      code: 1,
      err: expect.stringMatching(/in use by/),
    });
    expect(await head.ids()).toEqual([...ids, late].sort());

    const copy = another();
    const to: Record<string, string> = kind === 'postgres' ? { DROVER_STORE: newUrl() } : {};
    expect(await runDrover(['head', 'restore', file, '--state', copy.state], to)).toMatchObject({ code: 0 });
    await copy.start([], to);
    expect(await copy.ids()).toEqual(ids);
    expect(copy.token).toBe(head.token);
    const [was, is] = [(await head.call('GET', '/v1/head')).json, (await copy.call('GET', '/v1/head')).json];
    expect(is.herd).toBe(was.herd);
    expect(is.epoch).toBeGreaterThan(was.epoch + 1_000);
    expect((await copy.submit({ name: 'new' })).status).toBe(201);
  }, 90_000);
});

it('D5: a head with a damaged page does not start, and the command that it names brings it back', async () => {
  await head.start();
  const ids = await submitSome(20);
  const file = join(head.dir, 'b');
  expect(await runDrover(['head', 'backup', file, '--state', head.state])).toMatchObject({ code: 0 });
  await head.stop();
  const database = join(head.state, 'drover.db');
  const { size } = statSync(database);
  const page = openSync(database, 'r+');
  // Every page but the first: whichever of them is in use, it is found.
  for (let at = 4_096; at < size; at += 4_096)
    writeSync(page, new Uint8Array(1_024).fill(0x5a), 0, 1_024, at);
  const refused = await startFails(head.state);
  expect(refused).toMatchObject({ code: 1, out: '' });
  expect(refused.err).toMatch(/drover\.db is damaged .*Nothing was changed/);
  const command = /drover (head restore) FILE (--state \S+) (--replace)/.exec(refused.err);
  expect(command).not.toBeNull();
  expect((await runDrover(['head', 'backup', join(head.dir, 'c'), '--state', head.state])).err).toMatch(
    /is damaged/,
  );
  const words = (command ?? []).slice(1).join(' ').replace('head restore', `head restore ${file}`).split(' ');
  expect(await runDrover(words)).toMatchObject({
    code: 0,
    out: expect.stringMatching(/what was there is now in .*replaced-/),
  });
  await head.start();
  expect(await head.ids()).toEqual(ids);
}, 90_000);

it('D12: a head that is older than its database ends, and names both versions', async () => {
  await head.start();
  await head.stop();
  const db = (await loadDriver()).open(join(head.state, 'drover.db'));
  db.exec('PRAGMA user_version = 9');
  db.close();
  expect(await startFails(head.state)).toMatchObject({
    code: 1,
    err: expect.stringMatching(/has schema version 9, but this program knows versions up to \d/),
  });
});

describe('D10: a state folder that is not ours alone is refused, and nothing is written there', () => {
  const refuse = async (path: string, message: RegExp): Promise<void> => {
    const before = existsSync(path) ? readdirSync(path) : null;
    expect(await startFails(path)).toMatchObject({ code: 1, out: '', err: expect.stringMatching(message) });
    expect(existsSync(path) ? readdirSync(path) : null).toEqual(before);
  };

  it('others can write to it', async () => {
    mkdirSync(head.state);
    chmodSync(head.state, 0o777);
    await refuse(head.state, /can be written by others \(mode 0777\)\. Run: chmod 700/);
  });

  it('it belongs to somebody else', async (context) => {
    if (process.geteuid?.() !== 0) return context.skip('only root can give a folder away');
    mkdirSync(head.state, { mode: 0o700 });
    chownSync(head.state, 65_534, 65_534);
    await refuse(head.state, /belongs to user 65534, but this process runs as user 0/);
  });

  it('it is a symbolic link', async () => {
    mkdirSync(join(head.dir, 'real'), { mode: 0o700 });
    symlinkSync(join(head.dir, 'real'), head.state);
    await refuse(head.state, /is a symbolic link/);
  });

  it('its database is a symbolic link', async () => {
    await head.start();
    await head.stop();
    const database = join(head.state, 'drover.db');
    cpSync(database, join(head.dir, 'elsewhere.db'));
    rmSync(database);
    symlinkSync(join(head.dir, 'elsewhere.db'), database);
    expect(await startFails(head.state)).toMatchObject({
      code: 1,
      err: expect.stringMatching(/drover\.db is a symbolic link/),
    });
  });

  it('it is a file', async () => {
    writeFileSync(head.state, 'x');
    expect(await startFails(head.state)).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringMatching(/EEXIST|ENOTDIR|no folder/),
    });
  });
});

it('says what is wrong with --store, without repeating a password', async () => {
  const { code, err } = await runDrover(['head', '--state', head.state, '--store', 'mysql://u:geheim@h/d']);
  expect(code).toBe(2);
  expect(err).toMatch(/--store: expected sqlite, or postgres/);
  expect(err).not.toContain('geheim');
});
