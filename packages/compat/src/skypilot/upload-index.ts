/** What one uploaded archive held: its entries by path, with their contents in the store of files. */
import { brokenPathRule, DroverError, leavesTree, TREE_LIMITS, type TreeEntry } from '@drover/core';
import type { Files } from '@drover/engine';
import { openPromise, type Entry as ZipEntry } from 'yauzl';

/** Unpacked, over all entries. */
const MOST_BYTES = 256 * 2 ** 30;
/** Beyond a gibibyte, so much for each byte that was sent: what grows more is made to fill disks. */
const FREE_BYTES = 2 ** 30;
const MOST_GROWTH = 200;
/** The longest path that a link of an archive may hold. */
const MOST_LINK_BYTES = TREE_LIMITS.pathBytes;

const TYPE_BITS = 0o170000;
const TYPES = { link: 0o120000, file: 0o100000, dir: 0o040000 } as const;
const FOLDER_MODE = 0o755;
const FILE_MODE = 0o644;

/** Entries by path without a leading slash, as the client's machine has them. */
export type UploadIndex = ReadonlyMap<string, TreeEntry>;

const refuse = (path: string, rule: string): DroverError =>
  new DroverError('FILES_REFUSED', { path: path.slice(0, 200), rule });

/**
 * Reads the archive once; contents go to the store.
 * @param size bytes of the archive
 * @throws {DroverError} FILES_REFUSED for what no tree may hold, FILES_FULL
 */
export async function readArchive(files: Files, path: string, size: number): Promise<Map<string, TreeEntry>> {
  // Names come as bytes: the clients write links with a slash in front, and all paths are checked here anyway.
  const options = { decodeStrings: false, validateEntrySizes: true } as const;
  const zip = await openPromise(path, options).catch((error: Error) => {
    throw refuse('the upload', `it is no archive: ${error.message}`);
  });
  const entries = new Map<string, TreeEntry>();
  const budget = { bytes: Math.min(MOST_BYTES, Math.max(FREE_BYTES, size * MOST_GROWTH)) };
  try {
    if (zip.entryCount > TREE_LIMITS.entries)
      throw refuse('the upload', `at most ${TREE_LIMITS.entries} files`);
    for await (const entry of zip.eachEntry()) {
      const made = await takeEntry(files, entry, budget, () => zip.openReadStreamPromise(entry));
      entries.set(made.path, made);
    }
  } catch (error) {
    if (error instanceof DroverError) throw error;
    throw refuse(
      'the upload',
      `it cannot be unpacked: ${error instanceof Error ? error.message : String(error)}`,
    );
  } finally {
    zip.close();
  }
  return entries;
}

async function takeEntry(
  files: Files,
  entry: ZipEntry,
  budget: { bytes: number },
  open: () => Promise<AsyncIterable<Uint8Array>>,
): Promise<TreeEntry> {
  const name = Buffer.from(entry.fileName as unknown as Uint8Array)
    .toString('utf8')
    .replace(/^\//, '');
  const attributes = entry.externalFileAttributes >>> 16;
  const type = attributes & TYPE_BITS;
  const isFolder = name.endsWith('/') && type !== TYPES.link;
  const path = name.replace(/(?<!\/)\/+$/, '');
  const broken = brokenPathRule(path);
  if (broken !== null) throw refuse(path, broken);
  if (type !== 0 && !Object.values<number>(TYPES).includes(type))
    throw refuse(path, 'it is neither a file, a folder nor a link');
  budget.bytes -= entry.uncompressedSize;
  if (budget.bytes < 0) throw refuse(path, 'the upload unpacks to more than it may');
  if (type === TYPES.link) {
    if (entry.uncompressedSize > MOST_LINK_BYTES) throw refuse(path, 'it is a link that is too long');
    const parts: Uint8Array[] = [];
    for await (const part of await open()) parts.push(part);
    return { path, type: 'link', target: Buffer.concat(parts).toString('utf8') };
  }
  // Nobody becomes another user by a file.
  const mode = attributes & 0o777;
  if (isFolder) return { path, type: 'dir', mode: mode || FOLDER_MODE };
  const { sha256, size } = await files.putContent(await open());
  return { path, type: 'file', mode: mode || FILE_MODE, size, sha256 };
}

/**
 * The tree at a path of the archive: a folder, or one file. Null: nothing is there.
 * @throws {DroverError} FILES_REFUSED for a link that leads out of it
 */
export function entriesBelow(index: UploadIndex, path: string): TreeEntry[] | null {
  const root = path.replace(/^\/+|\/+$/g, '');
  const itself = index.get(root);
  if (itself?.type === 'file') return [{ ...itself, path: '' }];
  const below = `${root}/`;
  const entries: TreeEntry[] = [];
  const links = new Map<string, string>();
  for (const entry of index.values()) {
    if (!entry.path.startsWith(below)) continue;
    const inner = { ...entry, path: entry.path.slice(below.length) };
    entries.push(inner);
    if (inner.target !== undefined) links.set(inner.path, inner.target);
  }
  for (const [link, target] of links)
    if (leavesTree(links, link))
      throw refuse(
        `/${below}${link}`,
        `it is a link to ${target}, which leaves the folder: put what it leads to in its place`,
      );
  return entries.length === 0 && itself === undefined ? null : entries;
}
