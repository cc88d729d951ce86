/**
 * An authority of the head's own, made at the first start, and the certificate that it signs. All of it lies in `tls/` of
 * the state folder: `authority.pem` is what others trust, the keys leave it never.
 */
import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseCa } from '@drover/core';
import type { Clock } from '@drover/engine';
import { writeWhole } from '../infra/write-whole.ts';
import { type Pair, readPair, type Served } from './certificate.ts';
import { ensureKeyFolder, readOwnKey } from './private-files.ts';
import type { CertificateSource } from './source.ts';

const LEAF_LIFE_MS = 90 * 86_400_000;
const LOOK_MS = 3_600_000;

/** @param dir `tls/` of the state folder. @throws {Error} for keys that others can read, or an authority that is broken */
export async function openOwnAuthority(options: {
  readonly dir: string;
  readonly names: readonly string[];
  readonly clock: Pick<Clock, 'wallMs'>;
}): Promise<CertificateSource> {
  const { dir, names, clock } = options;
  ensureKeyFolder(dir);
  const caFile = join(dir, 'authority.pem');
  const authority = await openAuthority(dir, caFile, clock.wallMs());
  const make = async (): Promise<Served> => {
    const nowMs = clock.wallMs();
    const { newLeaf } = await import('./x509.ts');
    const pair = await newLeaf(authority, names, nowMs, LEAF_LIFE_MS);
    writeWhole(join(dir, 'head.key'), pair.key);
    writeWhole(join(dir, 'head.pem'), pair.cert);
    return readPair(pair);
  };
  let current = storedLeaf(dir, authority);
  if (current === null || !hasNames(current, names) || isDue(current, clock.wallMs())) current = await make();
  let serving: Served = current;
  return {
    ca: parseCa(authority.cert),
    caFile,
    lookEveryMs: LOOK_MS,
    get current() {
      return serving;
    },
    async look() {
      if (!isDue(serving, clock.wallMs())) return false;
      serving = await make();
      return true;
    },
  };
}

/** After two thirds of its life; or when the clock was put back to before it. */
const isDue = ({ fromMs, untilMs }: Served, nowMs: number): boolean =>
  nowMs < fromMs || nowMs >= untilMs - LEAF_LIFE_MS / 3;

const hasNames = (leaf: Served, names: readonly string[]): boolean =>
  leaf.names.length === names.length && names.every((name) => leaf.names.includes(name));

async function openAuthority(dir: string, certFile: string, nowMs: number): Promise<Pair> {
  const keyFile = join(dir, 'authority.key');
  const key = readOwnKey(keyFile);
  if (!existsSync(certFile)) {
    // The certificate is written last: with it there is an authority, and never half of one.
    const { newAuthority } = await import('./x509.ts');
    const made = await newAuthority(nowMs);
    writeWhole(keyFile, made.key);
    writeWhole(certFile, made.cert);
    return made;
  }
  const cert = readFileSync(certFile, 'utf8');
  const anew = `move ${dir} away to have another one made, which every worker and client must then be told with --ca`;
  if (key === null)
    throw new Error(`${certFile} is there and its key ${keyFile} is not: put it back, or ${anew}`);
  try {
    if (readPair({ cert, key }).untilMs > nowMs) return { cert, key };
  } catch (cause) {
    throw new Error(
      `The authority in ${dir} is broken: ${(cause as Error).message}. Put it back, or ${anew}`,
      { cause },
    );
  }
  throw new Error(`The authority in ${dir} has expired: ${anew}`);
}

/** The certificate of an earlier start; null when there is none that can be used. */
function storedLeaf(dir: string, authority: Pair): Served | null {
  const certFile = join(dir, 'head.pem');
  const key = readOwnKey(join(dir, 'head.key'));
  if (key === null || !existsSync(certFile)) return null;
  const cert = readFileSync(certFile, 'utf8');
  try {
    const served = readPair({ cert, key });
    return new X509Certificate(cert).verify(new X509Certificate(authority.cert).publicKey) ? served : null;
  } catch {
    // A start that was cut between its two files: another one is made, which nobody has to be told.
    return null;
  }
}
