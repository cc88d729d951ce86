/** Sends a folder to the head: lists it, hashes what is new, sends what is missing, names the tree. */

import { byPath, DroverError, isDroverError, type TreeEntry, treeText } from '@drover/core';
import type { TreeReply } from '@drover/core/wire';
import type { SendOptions, SendProgress, SentFiles } from '../services/files.ts';
import type { Transport } from '../transport/transport.ts';
import { Changed, hashFile } from './content.ts';
import { HashCache } from './hash-cache.ts';
import { inLanes } from './lanes.ts';
import { join } from './node.ts';
import { type Content, missingOf, upload } from './upload.ts';
import { type Found, listFolder } from './walk.ts';

const HASHES_AT_ONCE = 16;
/** How often a folder of which a file changes is looked at anew. */
const TRIES = 4;
const HOLD_MS = 5 * 60_000;

/** See `Files.send`. */
export async function sendFiles(
  transport: Transport,
  localPath: string,
  options: SendOptions,
): Promise<SentFiles> {
  const sending = new Sending(transport, options);
  for (let tries = 1; ; tries++) {
    try {
      return await sending.send(localPath);
    } catch (error) {
      // Swept away, or lost with a disk, since the head was asked: it is asked again.
      const isGone = isDroverError(error) && error.code === 'CONTENT_MISSING';
      if (!(error instanceof Changed) && !isGone) throw error;
      if (error instanceof Changed) sending.distrust(error.path);
      if (tries < TRIES) continue;
      if (!(error instanceof Changed)) throw error;
      throw new DroverError('FILES_CHANGED', { path: error.path, tries }, { cause: error });
    }
  }
}

class Sending {
  readonly #transport: Transport;
  readonly #options: SendOptions;
  readonly #distrusted = new Set<string>();
  #sentBytes = 0;

  constructor(transport: Transport, options: SendOptions) {
    this.#transport = transport;
    this.#options = options;
  }

  /** It was not what it was taken for: what is remembered of it counts no more. */
  distrust(full: string): void {
    this.#distrusted.add(full);
  }

  async send(localPath: string): Promise<SentFiles> {
    const { signal } = this.#options;
    const readAtMs = Date.now();
    const { root, found } = await listFolder(localPath, signal);
    const files = found.filter(({ type }) => type === 'file');
    const sum = { files: files.length, bytes: files.reduce((all, { size }) => all + size, 0) };
    this.#tell('hashing', sum);
    const hashes = await this.#hash(root, files, readAtMs);
    const contents = new Map<string, Content>();
    for (const { path, size } of files) {
      const sha256 = hashes.get(path) as string;
      contents.set(sha256, { sha256, size, full: path === '' ? root : join(root, path) });
    }
    const missing = await missingOf(this.#transport, [...contents.values()], signal);
    this.#tell('sending', sum);
    const onSent = (bytes: number): void => {
      this.#sentBytes += bytes;
      this.#tell('sending', sum);
    };
    await upload(this.#transport, missing, { signal, onSent });
    const entries = found.map((one) => entryOf(one, hashes)).sort(byPath);
    const reply = await this.#transport.json<TreeReply>({
      method: 'POST',
      path: '/v1/trees',
      bytes: new TextEncoder().encode([...treeText(entries)].join('')),
      repeat: 'always',
      holdMs: HOLD_MS,
      signal,
    });
    return { ...reply, sentBytes: this.#sentBytes };
  }

  async #hash(root: string, files: readonly Found[], readAtMs: number): Promise<Map<string, string>> {
    const cache = await HashCache.open(root);
    const hashes = new Map<string, string>();
    const unknown = files.filter((file) => {
      const isTrusted = this.#distrusted.size === 0 || !this.#distrusted.has(join(root, file.path));
      const known = isTrusted ? cache.get(file.path, file.look) : null;
      if (known !== null) hashes.set(file.path, known);
      return known === null;
    });
    await inLanes(HASHES_AT_ONCE, unknown, async ({ path, look, size }) => {
      this.#options.signal?.throwIfAborted();
      hashes.set(path, await hashFile(path === '' ? root : join(root, path), look, size));
    });
    await cache.save(
      files.map((file) => ({ ...file, sha256: hashes.get(file.path) as string })),
      readAtMs,
    );
    return hashes;
  }

  #tell(phase: SendProgress['phase'], sum: { files: number; bytes: number }): void {
    this.#options.onProgress?.({ phase, ...sum, sentBytes: this.#sentBytes });
  }
}

function entryOf({ path, type, mode, size, target }: Found, hashes: ReadonlyMap<string, string>): TreeEntry {
  if (type === 'link') return { path, type, target };
  if (type === 'dir') return { path, type, mode };
  return { path, type, mode, size, sha256: hashes.get(path) };
}
