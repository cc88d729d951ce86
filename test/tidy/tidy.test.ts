import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const MAX_LINES = 400;
const SKIPPED_FOLDERS = new Set(['node_modules', 'dist', '.cache', 'coverage', 'tmp']);
const SOURCE_FOLDERS = ['packages', 'test', 'bench', 'examples', 'scripts'];

interface SourceFile {
  /** Relative to the root of the repository. */
  readonly path: string;
  readonly text: string;
}

function pathsIn(folder: string): string[] {
  const absolute = join(ROOT, folder);
  if (!existsSync(absolute)) return [];
  return readdirSync(absolute, { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return SKIPPED_FOLDERS.has(entry.name) ? [] : pathsIn(path);
    return entry.isFile() ? [path] : [];
  });
}

const paths = SOURCE_FOLDERS.flatMap(pathsIn);
const sources: SourceFile[] = paths
  .filter((path) => /\.(ts|mjs|cjs|sh|c)$/.test(path))
  .map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }));

/** `path:line: text` of every line that matches. */
function linesLike(pattern: RegExp, within: (path: string) => boolean): string[] {
  return sources
    .filter(({ path }) => within(path))
    .flatMap(({ path, text }) =>
      text
        .split('\n')
        .flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : [])),
    );
}

const lockText = readFileSync(join(ROOT, 'package-lock.json'), 'utf8');

describe('the tree', () => {
  it('has no source file over 400 lines', () => {
    const long = sources
      .filter(({ path }) => /^packages\/[^/]+\/src\//.test(path) && !path.endsWith('.test.ts'))
      .map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }))
      .filter(({ lines }) => lines > MAX_LINES);
    expect(long).toEqual([]);
  });

  it('has no file or folder named after nothing in particular', () => {
    const vague = paths.filter((path) => /(^|[/.-])(utils?|helpers?|common|managers?)([/.-]|$)/i.test(path));
    expect(vague).toEqual([]);
  });

  it('has no default exports', () => {
    const isReporter = (path: string) => path === 'scripts/vitest-counts.mjs'; // vitest loads a reporter by its default export
    const isConfig = (path: string) => /\.config\.\w+$/.test(path);
    expect(
      linesLike(
        /^\s*export default\b|^\s*export \{[^}]*\bas default\b/,
        (path) => !isReporter(path) && !isConfig(path),
      ),
    ).toEqual([]);
  });

  it('has no leftover marks', () => {
    // Written so that this file does not find itself.
    expect(
      linesLike(
        new RegExp(
          `\\b(${['TO', 'FIX'].map((start) => start + (start === 'TO' ? 'DO' : 'ME')).join('|')})\\b`,
        ),
        () => true,
      ),
    ).toEqual([]);
  });

  it('switches off the verification of TLS nowhere', () => {
    const names = ['rejectUnauthorized\\s*[:=]\\s*(?:false|!1|0)', `NODE_TLS_${'REJECT_UNAUTHORIZED'}`];
    expect(linesLike(new RegExp(names.join('|')), (path) => path !== 'test/tidy/tidy.test.ts')).toEqual([]);
  });

  it('starts programs by their words, never through a shell that reads a line of ours', () => {
    const own = (path: string): boolean =>
      /^packages\/[^/]+\/src\//.test(path) && !/[.]test[.]ts$|\/testing/.test(path);
    const importsShell = sources
      .filter(({ text }) => /import \{[^}]*\bexec(Sync)?\b[^}]*\} from '(node:)?child_process'/.test(text))
      .map(({ path }) => path);
    expect(importsShell).toEqual([]);
    expect(
      linesLike(
        /\bshell: ?(true|['"`])|child_process['"`]?\)?\.exec(Sync)?\(/,
        (path) => path !== 'test/tidy/tidy.test.ts',
      ),
    ).toEqual([]);
    // A script is a constant: what it needs comes as its arguments.
    expect(linesLike(/['"]-l?c['"],? *`[^`]*\$\{|\beval\(|new Function\(/, own)).toEqual([]);
  });

  it('has no skipped, focused or empty tests', () => {
    // A test that cannot run here says so itself: ctx.skip('reason'), or it.skipIf(condition).
    const pattern = /\b(it|test|describe)\.(skip|only|todo)\b/;
    expect(
      linesLike(pattern, (path) => path.endsWith('.test.ts') && path !== 'test/tidy/tidy.test.ts'),
    ).toEqual([]);
  });

  it('has a lock file without download addresses', () => {
    expect(lockText.match(/"resolved": *"https?:.*/g) ?? []).toEqual([]);
  });

  it('has a lock file with every optional package', () => {
    // npm leaves out those that the registry cannot serve at that moment, and `npm ci` then refuses the lock file.
    const { packages } = JSON.parse(lockText) as {
      packages: Record<string, { optionalDependencies?: object }>;
    };
    const locked = new Set(Object.keys(packages).map((path) => path.replace(/^.*node_modules\//, '')));
    const wanted = Object.values(packages).flatMap(({ optionalDependencies = {} }) =>
      Object.keys(optionalDependencies),
    );
    expect(wanted.filter((name) => !locked.has(name))).toEqual([]);
  });
});
