/** Given files: what is refused at the start, and what becomes of them when they change. */
import { chmodSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseCa } from '@drover/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Pair } from './certificate.ts';
import { openGivenFiles } from './given-files.ts';
import type { CertificateSource } from './source.ts';
import { newAuthority, newLeaf } from './x509.ts';

const DAY_MS = 86_400_000;
const START_MS = Date.parse('2030-01-01T00:00:00Z');
const authority = await newAuthority(START_MS);
const leaf = (name = 'a.example'): Promise<Pair> => newLeaf(authority, [name], START_MS, DAY_MS);

let dir: string;
let nowMs: number;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'drover-given-'));
  nowMs = START_MS;
  const { cert, key } = await leaf();
  put({ 'cert.pem': cert, 'key.pem': key, 'ca.pem': authority.cert });
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function put(files: Record<string, string>): void {
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(dir, `${name}.new`), text, { mode: 0o600 });
    renameSync(join(dir, `${name}.new`), join(dir, name));
  }
}
const later = (ms: number): void => {
  nowMs += ms;
};
const open = (ca = true): CertificateSource =>
  openGivenFiles(
    { cert: join(dir, 'cert.pem'), key: join(dir, 'key.pem'), ca: ca ? join(dir, 'ca.pem') : null },
    { wallMs: () => nowMs },
  );

describe('at the start', () => {
  it('they are served as they are, with what others shall trust where that was given', () => {
    expect(open()).toMatchObject({
      ca: parseCa(authority.cert),
      caFile: join(dir, 'ca.pem'),
      current: { names: ['a.example'], untilMs: START_MS + DAY_MS },
    });
    expect(open(false)).toMatchObject({ ca: null, caFile: null });
  });

  it.each<[string, () => Promise<void> | void, RegExp]>([
    [
      'a key that is not that of the certificate',
      async () => put({ 'key.pem': (await leaf()).key }),
      /not that of/,
    ],
    ['no key', () => put({ 'key.pem': '' }), /key\.pem is not there, or is empty/],
    ['no certificate', () => rmSync(join(dir, 'cert.pem')), /cert\.pem is not there/],
    ['a certificate that is none', () => put({ 'cert.pem': 'x' }), /certificate cannot be used/],
    ['one that has expired', () => later(2 * DAY_MS), /has expired/],
    ['one that is not valid yet', () => later(-2 * DAY_MS), /not valid yet/],
    ['a key that everybody can read', () => chmodSync(join(dir, 'key.pem'), 0o644), /run chmod 640/],
    ['an authority that is none', () => put({ 'ca.pem': 'x' }), /ca\.pem holds no certificate/],
  ])('%s stops it', async (_, spoil, words) => {
    await spoil();
    expect(() => open()).toThrow(words);
  });

  it('the group of a key may read it', () => {
    chmodSync(join(dir, 'key.pem'), 0o640);
    expect(open().current.names).toEqual(['a.example']);
  });
});

describe('while it runs', () => {
  it('a new pair is taken when both files are there, and nothing is said in between', async () => {
    const source = open();
    expect(await source.look()).toBe(false);
    const { cert, key } = await leaf('b.example');
    put({ 'cert.pem': cert });
    expect([await source.look(), source.current.names]).toEqual([false, ['a.example']]);
    put({ 'key.pem': key });
    expect([await source.look(), source.current.names]).toEqual([true, ['b.example']]);
    expect(await source.look()).toBe(false);
  });

  it('a bad pair is complained of once, and the one before goes on until it is mended', async () => {
    const source = open();
    const { cert, key } = await leaf('b.example');
    put({ 'key.pem': key });
    expect(await source.look()).toBe(false);
    await expect(source.look()).rejects.toThrow('the key is not that of the certificate');
    expect([await source.look(), source.current.names]).toEqual([false, ['a.example']]);
    put({ 'cert.pem': cert });
    expect([await source.look(), source.current.names]).toEqual([true, ['b.example']]);
  });

  it('files that go away leave it what it has', async () => {
    const source = open();
    rmSync(join(dir, 'cert.pem'));
    expect(await source.look()).toBe(false);
    await expect(source.look()).rejects.toThrow(/cert\.pem is not there/);
    expect(source.current.names).toEqual(['a.example']);
  });

  it('another authority to trust is told from then on', async () => {
    const source = open();
    const other = await newAuthority(START_MS);
    put({ 'ca.pem': authority.cert + other.cert });
    expect([await source.look(), source.ca]).toEqual([true, parseCa(authority.cert + other.cert)]);
  });
});
