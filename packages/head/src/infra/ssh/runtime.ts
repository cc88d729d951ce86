/**
 * What a host needs to run a worker: this program and the Node that runs it, as one archive that is named by its
 * content. Made once on this machine, copied once to each host.
 */
import { createHash } from 'node:crypto';
import {
  createReadStream,
  createWriteStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';

/** Names of `uname -m` for those of Node. */
const ARCHES: Readonly<Record<string, string>> = { x64: 'x86_64', arm64: 'aarch64' };

export interface Runtime {
  /** Names the content; the folder on the host. */
  readonly hash: string;
  /** `uname -m` of hosts that can run the Node in it. */
  readonly arch: string;
  /** The gzipped tar: `package.json`, `dist/` and, with Node, `bin/node`. */
  open(withNode: boolean): Promise<Readable>;
}

interface Entry {
  readonly name: string;
  readonly path: string | null;
  readonly text: string;
  readonly size: number;
  readonly mode: number;
}

/**
 * @param bundle the folder of the built program (`bin.js` and its parts)
 * @param cache where archives are kept
 */
export async function makeRuntime(bundle: string, cache: string): Promise<Runtime> {
  const parts = readdirSync(bundle, { withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
    .map((entry) => entry.name)
    .sort();
  const files = parts.map((name) => fileEntry(`dist/${name}`, join(bundle, name)));
  const manifest = textEntry('package.json', '{"type":"module"}\n');
  const node = fileEntry('bin/node', realpathSync(process.execPath), 0o755);
  const hash = createHash('sha256');
  hash.update(`${process.version} ${process.arch} ${node.size}\n`);
  for (const file of files) hash.update(`${file.name} ${file.size}\n`).update(readFileSync(file.path ?? ''));
  const name = hash.digest('hex').slice(0, 20);
  return {
    hash: name,
    arch: ARCHES[process.arch] ?? process.arch,
    async open(withNode) {
      const path = join(cache, `${name}${withNode ? '-node' : ''}.tgz`);
      if (!existsSync(path)) {
        mkdirSync(cache, { recursive: true, mode: 0o700 });
        const draft = `${path}.${process.pid}`;
        const entries = withNode ? [manifest, ...files, node] : [manifest, ...files];
        await pipeline(
          Readable.from(tar(entries)),
          createGzip({ level: 4 }),
          createWriteStream(draft, { mode: 0o600 }),
        );
        renameSync(draft, path);
      }
      return createReadStream(path, { highWaterMark: 256 * 1024 });
    },
  };
}

function fileEntry(name: string, path: string, mode?: number): Entry {
  const stat = statSync(path);
  return { name, path, text: '', size: stat.size, mode: mode ?? (stat.mode & 0o100 ? 0o755 : 0o644) };
}

const textEntry = (name: string, text: string): Entry => ({
  name,
  path: null,
  text,
  size: Buffer.byteLength(text),
  mode: 0o644,
});

const BLOCK = 512;

/** The ustar form: a header of 512 bytes, the content filled up to blocks, two empty blocks at the end. */
async function* tar(entries: readonly Entry[]): AsyncGenerator<Buffer> {
  for (const entry of entries) {
    yield header(entry);
    if (entry.path === null) yield Buffer.from(entry.text);
    else for await (const chunk of createReadStream(entry.path)) yield chunk as Buffer;
    const rest = entry.size % BLOCK;
    if (rest > 0) yield Buffer.alloc(BLOCK - rest);
  }
  yield Buffer.alloc(2 * BLOCK);
}

function header({ name, size, mode }: Entry): Buffer {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, length: number): void => {
    block.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'ascii');
  };
  block.write(name, 0, 'utf8');
  octal(mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(size, 124, 12);
  octal(0, 136, 12);
  block.write('        ', 148, 'ascii');
  block.write('0', 156, 'ascii');
  block.write('ustar\0', 257, 'ascii');
  block.write('00', 263, 'ascii');
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'ascii');
  return block;
}
