/** A certificate and key that were given, read again when they change on disk. */
import { statSync } from 'node:fs';
import { parseCa } from '@drover/core';
import type { Clock } from '@drover/engine';
import { WatchedFile } from '../infra/file-watch.ts';
import { readPair, type Served } from './certificate.ts';
import { keyModeTrouble } from './private-files.ts';
import type { CertificateSource } from './source.ts';

/** Paths of PEM files. */
export interface GivenFiles {
  /** The head's certificate, then those between it and the authority. */
  readonly cert: string;
  readonly key: string;
  /** What workers and clients shall trust; null: what their systems trust. */
  readonly ca: string | null;
}

interface Read {
  readonly served: Served;
  readonly ca: string | null;
}

const LOOK_MS = 1000;

/** @throws {Error} what is wrong with the files as they are now */
export function openGivenFiles(files: GivenFiles, clock: Pick<Clock, 'wallMs'>): CertificateSource {
  const texts = watch(files);
  let used = texts();
  let read = readFiles(files, used, clock.wallMs());
  /** What cannot be used, and how often it was seen so. */
  let bad = { mark: '', times: 0 };
  return {
    caFile: files.ca,
    lookEveryMs: LOOK_MS,
    get ca() {
      return read.ca;
    },
    get current() {
      return read.served;
    },
    async look() {
      let now: Texts | null = null;
      try {
        now = texts();
        if (same(now, used)) return false;
        read = readFiles(files, now, clock.wallMs());
        used = now;
        return true;
      } catch (error) {
        const mark = JSON.stringify([now, (error as Error).message]);
        bad = { mark, times: mark === bad.mark ? bad.times + 1 : 1 };
        // One file is replaced after the other: only what is still wrong at the next look is wrong, and said once.
        if (bad.times === 2) throw error;
        return false;
      }
    },
  };
}

type Texts = readonly [cert: string, key: string, ca: string];

const same = (a: Texts, b: Texts): boolean => a.every((text, at) => text === b[at]);

/** @returns reads what has changed. @throws {Error} for a file that cannot be read */
function watch({ cert, key, ca }: GivenFiles): () => Texts {
  const asItIs = (text: string): string => text;
  const open = (path: string) => new WatchedFile(path, '', asItIs);
  const textOf = (file: WatchedFile<string>): string => {
    const text = file.get();
    if (file.error) throw file.error;
    return text;
  };
  const pair = [open(cert), open(key)] as const;
  const authority = ca === null ? null : open(ca);
  return () => [textOf(pair[0]), textOf(pair[1]), authority === null ? '' : textOf(authority)];
}

function readFiles(files: GivenFiles, [cert, key, caText]: Texts, nowMs: number): Read {
  for (const [path, text] of [
    [files.cert, cert],
    [files.key, key],
  ] as const)
    if (text === '') throw new Error(`${path} is not there, or is empty`);
  const trouble = keyModeTrouble(files.key, statSync(files.key).mode);
  if (trouble !== null) throw new Error(trouble);
  const served = readPair({ cert, key });
  if (nowMs >= served.untilMs) throw new Error(`${files.cert} has expired`);
  if (nowMs < served.fromMs) throw new Error(`${files.cert} is not valid yet`);
  const ca = files.ca === null ? null : parseCa(caText);
  if (files.ca !== null && ca === null)
    throw new Error(`${files.ca} holds no certificate of an authority as PEM`);
  return { served, ca };
}
