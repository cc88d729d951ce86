/** Homes on a real disk, with a head that is played: what two of them want at once, and what their removal leaves alone. */

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packHeader, type TreeEntry, treeText } from '@drover/core';
import type { StartOrder } from '@drover/core/wire';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Logger, StopSignal } from '../agent/index.ts';
import type { HeadFiles } from './head-files.ts';
import { openHomes } from './homes.ts';

const log = { info: () => undefined, warn: () => undefined } as unknown as Logger;
const never: StopSignal = { isStopped: false, onStop: () => () => undefined };
const sha256 = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex');

let stateDir = '';
beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'drover-homes-'));
});
afterEach(() => rmSync(stateDir, { recursive: true, force: true }));

const content = Buffer.from('the same in each\n');
/** So many that its text is read in several pieces. */
const entries = Array.from(
  { length: 2_000 },
  (_, at): TreeEntry => ({
    path: `file-${String(at).padStart(5, '0')}`,
    type: 'file',
    mode: 0o644,
    size: content.length,
    sha256: sha256(content),
  }),
);
const text = [...treeText(entries)].join('');

async function* bytesOf(...pieces: Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* pieces;
}

const head: HeadFiles = {
  tree: async () => bytesOf(Buffer.from(text)),
  pack: async (hashes) => bytesOf(...hashes.flatMap((each) => [packHeader(each, content.length), content])),
  content: async () => bytesOf(content),
};

const order = (home: string): StartOrder =>
  ({ home, files: [{ target: '~/workdir', tree: sha256(text) }] }) as unknown as StartOrder;

it('many homes are given one and the same folder at once, each whole', async () => {
  const homes = openHomes({ stateDir, bootId: 'boot', head, log });
  const names = Array.from({ length: 4 }, (_, at) => `node-${at}`);
  await Promise.all(
    names.map(async (name, at) => {
      for (let turn = 0; turn < at; turn++) await new Promise((resolve) => setImmediate(resolve));
      await homes.prepare(order(name), never);
    }),
  );
  for (const name of names)
    expect(readdirSync(join(stateDir, 'homes', name, 'workdir'))).toHaveLength(entries.length);
});

it.skipIf(spawnSync('unshare', ['-rm', 'true']).status !== 0)(
  'a home in which a folder of the same disk is bound is not removed',
  () => {
    const theirs = join(stateDir, 'theirs');
    const data = join(stateDir, 'homes', 'n', 'data');
    for (const path of [theirs, data]) mkdirSync(path, { recursive: true });
    writeFileSync(join(theirs, 'precious'), '');
    const program = `import { removeHomeFolder } from ${JSON.stringify(new URL('remove-home.ts', import.meta.url).href)};
await removeHomeFolder(${JSON.stringify(join(stateDir, 'homes', 'n'))});`;
    const tsx = `node --import tsx --input-type=module -e '${program}'`;
    const ended = spawnSync('unshare', ['-rm', 'sh', '-c', `mount --bind ${theirs} ${data} && ${tsx}`], {
      encoding: 'utf8',
    });
    expect(ended.stderr).toContain(`something is mounted at ${data}: unmount it`);
    expect(existsSync(join(theirs, 'precious'))).toBe(true);
  },
);
