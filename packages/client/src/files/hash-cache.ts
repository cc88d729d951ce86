/** The hashes of one folder's files, kept between runs: a file that looks as it did is not read again. */
import { createHash, homedir, join, mkdir, readdir, readFile, rename, rm, stat, writeFile } from './node.ts';

/**
 * A file that was changed so shortly before it was read may change again without looking different: clocks of file systems
 * are coarse. It is read again next time.
 */
const SETTLED_MS = 2_000;
/** Folders of which hashes are kept. */
const MOST_FILES = 200;
const FIRST_LINE = 'drover hashes 1';
const LINE = /^([0-9a-f]{64}) (\d+ \d+ \d+ \d+) (.+)$/;

/** A file as it was when it was hashed. */
export interface Hashed {
  readonly path: string;
  readonly look: string;
  readonly changedMs: number;
  readonly sha256: string;
}

export class HashCache {
  readonly #path: string;
  readonly #known: ReadonlyMap<string, readonly [look: string, sha256: string]>;

  private constructor(path: string, known: ReadonlyMap<string, readonly [string, string]>) {
    this.#path = path;
    this.#known = known;
  }

  /** Of the folder at this real path. What cannot be read counts as empty. */
  static async open(root: string): Promise<HashCache> {
    const base = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
    const name = createHash('sha256').update(root).digest('hex').slice(0, 32);
    const path = join(base, 'drover', 'hashes', name);
    const text = await readFile(path, 'utf8').catch(() => '');
    const known = new Map<string, readonly [string, string]>();
    const [first, ...lines] = text.split('\n');
    if (first === FIRST_LINE)
      for (const line of lines) {
        const [, sha256, look, file] = LINE.exec(line) ?? [];
        if (sha256 === undefined || look === undefined || file === undefined) continue;
        known.set(file.startsWith('"') ? (JSON.parse(file) as string) : file, [look, sha256]);
      }
    return new HashCache(path, known);
  }

  get(path: string, look: string): string | null {
    const [known, sha256] = this.#known.get(path) ?? [];
    return known === look && sha256 !== undefined ? sha256 : null;
  }

  /** Keeps these instead of what was known. A cache that cannot be written is only slower next time. */
  async save(files: readonly Hashed[], readAtMs: number): Promise<void> {
    const settled = files.filter(({ changedMs }) => changedMs < readAtMs - SETTLED_MS);
    const isKnown = ({ path, look, sha256 }: Hashed): boolean => this.get(path, look) === sha256;
    const isSame = settled.length === this.#known.size && settled.every(isKnown);
    if (isSame) return;
    const lines = settled.map(({ sha256, look, path }) => `${sha256} ${look} ${plain(path)}`);
    const folder = join(this.#path, '..');
    const draft = `${this.#path}.${process.pid}.tmp`;
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await writeFile(draft, [FIRST_LINE, ...lines, ''].join('\n'), { mode: 0o600 });
      await rename(draft, this.#path);
      await dropOldest(folder);
    } catch {
      await rm(draft, { force: true }).catch(() => undefined);
    }
  }
}

/** A path as one line: in quotes where it would not be one, or would look like one in quotes. */
const plain = (path: string): string => (/^"|[\n\r]/.test(path) ? JSON.stringify(path) : path);

async function dropOldest(folder: string): Promise<void> {
  const names = await readdir(folder);
  if (names.length <= MOST_FILES) return;
  const aged = await Promise.all(
    names.map(async (name) => ({ name, usedMs: (await stat(join(folder, name))).mtimeMs })),
  );
  aged.sort((a, b) => a.usedMs - b.usedMs);
  for (const { name } of aged.slice(0, names.length - MOST_FILES))
    await rm(join(folder, name), { force: true });
}
