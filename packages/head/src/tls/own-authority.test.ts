/** The head's own authority, and what it signs. The clock is the test's. */
import { X509Certificate } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseCa } from '@drover/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openOwnAuthority } from './own-authority.ts';
import type { CertificateSource } from './source.ts';

const DAY_MS = 86_400_000;
const NAMES = ['localhost', '127.0.0.1', '::1', 'head.example', '*.pool.example'];
let root: string;
let dir: string;
let nowMs: number;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'drover-tls-'));
  dir = join(root, 'tls');
  nowMs = Date.parse('2030-01-01T00:00:00Z');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const open = (names = NAMES): Promise<CertificateSource> =>
  openOwnAuthority({ dir, names, clock: { wallMs: () => nowMs } });
const modeOf = (name: string): string => (statSync(join(dir, name)).mode & 0o777).toString(8);
const read = (name: string): X509Certificate => new X509Certificate(readFileSync(join(dir, name)));

describe('an authority', () => {
  it('is made once, for long, and its keys are for nobody else to read', async () => {
    const first = await open();
    const again = await open();
    expect(again.ca).toBe(first.ca);
    expect(first.ca).toBe(parseCa(readFileSync(first.caFile ?? '', 'utf8')));
    const authority = read('authority.pem');
    expect([authority.ca, authority.checkIssued(authority)]).toEqual([true, true]);
    expect(authority.publicKey.asymmetricKeyDetails).toEqual({ namedCurve: 'prime256v1' });
    expect(Date.parse(authority.validTo) - nowMs).toBeGreaterThan(7000 * DAY_MS);
    expect(['.', 'authority.key', 'head.key'].map(modeOf)).toEqual(['700', '600', '600']);
  });

  it.each([
    ['.', 0o755, 'chmod 700'],
    ['authority.key', 0o644, 'chmod 600'],
    ['head.key', 0o640, 'chmod 600'],
  ])('is not used where %s is open to others: the error says what to run', async (name, mode, run) => {
    await open();
    chmodSync(join(dir, name), mode);
    await expect(open()).rejects.toThrow(`Run: ${run} ${join(dir, name)}`);
  });

  it('is not made anew in place of one that is broken or over: every worker trusts the old one', async () => {
    await open();
    const key = readFileSync(join(dir, 'authority.key'));
    rmSync(join(dir, 'authority.key'));
    await expect(open()).rejects.toThrow(/is not: put it back, or move/);
    writeFileSync(join(dir, 'authority.key'), readFileSync(join(dir, 'head.key')), { mode: 0o600 });
    await expect(open()).rejects.toThrow(/broken: the key is not that of the certificate/);
    writeFileSync(join(dir, 'authority.key'), key);
    nowMs += 8000 * DAY_MS;
    await expect(open()).rejects.toThrow(/has expired/);
  });
});

describe('the certificate of the head', () => {
  it('is signed by it, lives 90 days and bears every name and address', async () => {
    const { current } = await open();
    const leaf = read('head.pem');
    expect(leaf.verify(read('authority.pem').publicKey)).toBe(true);
    expect([leaf.ca, current.untilMs - nowMs, current.names]).toEqual([false, 90 * DAY_MS, NAMES]);
    expect([leaf.checkIP('127.0.0.1'), leaf.checkIP('::1'), leaf.checkHost('a.pool.example')]).toEqual([
      '127.0.0.1',
      '::1',
      '*.pool.example',
    ]);
    expect([leaf.checkIP('127.0.0.2'), leaf.checkHost('example')]).toEqual([undefined, undefined]);
  });

  it('is kept at the next start, and another one when the names are others', async () => {
    const before = (await open()).current.cert;
    expect((await open()).current.cert).toBe(before);
    for (const names of [NAMES.slice(1), [...NAMES, 'x.example'], [...NAMES.slice(1), 'x.example']]) {
      const { current } = await open(names);
      expect([current.cert === before, current.names]).toEqual([false, names]);
    }
  });

  it('is renewed after two thirds of its life, while it runs and at a start', async () => {
    const source = await open();
    const first = source.current.cert;
    nowMs += 60 * DAY_MS - 1;
    expect([await source.look(), source.current.cert]).toEqual([false, first]);
    nowMs += 1;
    expect(await source.look()).toBe(true);
    expect(source.current.untilMs).toBe(nowMs + 90 * DAY_MS);
    expect(await source.look()).toBe(false);
    const second = (await open()).current.cert;
    expect(second).toBe(source.current.cert);
    nowMs += 60 * DAY_MS;
    expect((await open()).current.cert).not.toBe(second);
  });

  it('is made anew when a start was cut between its two files, or the clock went back', async () => {
    const { current } = await open();
    writeFileSync(join(dir, 'head.key'), readFileSync(join(dir, 'authority.key')), { mode: 0o600 });
    const mended = await open();
    expect(mended.current.cert).not.toBe(current.cert);
    nowMs -= DAY_MS;
    expect([await mended.look(), mended.current.fromMs < nowMs]).toEqual([true, true]);
  });
});
