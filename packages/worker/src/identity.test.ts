import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  HeadUntrusted,
  noteContact,
  readContact,
  readIdentity,
  readMemory,
  trustedHead,
  writeIdentity,
  writeMemory,
} from './identity.ts';

const HERD = '00000000-0000-4000-8000-000000000001';
const identity = { workerId: '00000000-0000-4000-8000-000000000002', token: 't', herd: HERD };
let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'drover-identity-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe('which head was seen', () => {
  it('is read as it was written, and nothing when it never was', async () => {
    const damage: string[] = [];
    const onDamage = (path: string): void => void damage.push(path);
    expect(await readMemory(dir, identity, onDamage)).toEqual({ herd: HERD, epoch: 0, rev: 0 });
    writeMemory(dir, { herd: HERD, epoch: 7, rev: 99 });
    expect(await readMemory(dir, identity, onDamage)).toEqual({ herd: HERD, epoch: 7, rev: 99 });
    expect(damage).toEqual([]);
  });

  it.each([
    ['nothing', ''],
    ['half of it', '{"herd":"0000'],
    ['an epoch that is none', '{"herd":null,"epoch":"x"}'],
    ['a revision below zero', `{"herd":"${HERD}","epoch":1,"rev":-1}`],
    ['a herd that is none', '{"herd":"x","epoch":1,"rev":1}'],
  ])('D4: a file with %s is set aside, and stops no start', async (_, text) => {
    writeFileSync(join(dir, 'head.json'), text);
    const damage: string[] = [];
    const memory = await readMemory(dir, identity, (path) => damage.push(path));
    expect(memory).toEqual({ herd: HERD, epoch: 0, rev: 0 });
    expect(damage).toHaveLength(1);
    expect(readdirSync(dir)).toEqual([expect.stringMatching(/^head\.json\.damaged-/)]);
  });
});

it('an identity that others can read is not used, and says what to run', async () => {
  writeIdentity(dir, identity);
  for (const mode of [0o644, 0o640, 0o604]) {
    chmodSync(join(dir, 'identity.json'), mode);
    await expect(readIdentity(dir)).rejects.toThrow(/open to others .*Run: chmod 600 .*identity\.json/);
  }
  chmodSync(join(dir, 'identity.json'), 0o600);
  expect(await readIdentity(dir)).toEqual(identity);
});

describe('the last contact with a head', () => {
  it('counts on the boot of the machine on which it was noted, and only whole', async () => {
    expect(await readContact(dir, 'boot')).toBeNull();
    noteContact(dir, 'boot', 1234.5);
    expect(await readContact(dir, 'boot')).toBe(1234.5);
    expect(await readContact(dir, 'another')).toBeNull();
    writeFileSync(join(dir, 'contact'), 'boot 12');
    expect(await readContact(dir, 'boot')).toBeNull();
  });
});

describe('the authority that a worker trusts', () => {
  const https = 'https://head:1';
  const trusted = (url: string, known: string | null, given: string | null): [string | null, boolean] => {
    let other = false;
    const head = trustedHead(dir, { ...identity, ca: known }, { url, ca: given }, () => {
      other = true;
    });
    return [head.ca, other];
  };

  it('is that of its identity when nothing is said, and what is said is kept from then on', async () => {
    expect(trusted(https, 'ca_a', null)).toEqual(['ca_a', false]);
    expect(await readIdentity(dir)).toBeNull();
    expect(trusted(https, null, 'ca_a')).toEqual(['ca_a', false]);
    expect(await readIdentity(dir)).toEqual({ ...identity, ca: 'ca_a' });
    expect(trusted(https, 'ca_a', 'ca_b')).toEqual(['ca_b', true]);
    expect(await readIdentity(dir)).toEqual({ ...identity, ca: 'ca_b' });
  });

  it('is that of the system where none was ever said, as for a worker of an older version', () => {
    expect(trustedHead(dir, identity, { url: https, ca: null }, () => undefined)).toEqual({
      url: https,
      ca: null,
    });
  });

  it.each(['http://127.0.0.1:1', 'http://localhost', 'http://[::1]:1/x'])(
    'is not asked for at %s, which does not leave this machine',
    async (url) => {
      expect(trusted(url, 'ca_a', 'ca_b')).toEqual(['ca_b', false]);
      expect(await readIdentity(dir)).toBeNull();
    },
  );

  it.each(['http://head:1', 'http://10.0.0.1', 'http://127.evil.example', 'http://localhost.evil.example'])(
    'makes it refuse %s, where anybody could answer',
    (url) => {
      expect(() => trusted(url, 'ca_a', null)).toThrow(HeadUntrusted);
      expect(() => trustedHead(dir, null, { url, ca: 'ca_a' }, () => undefined)).toThrow('say https://');
    },
  );
});
