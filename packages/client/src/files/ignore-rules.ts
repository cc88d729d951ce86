/** Which files of a folder stay at home: `.skyignore` alone where there is one, else the `.gitignore` files. */

import { DroverError } from '@drover/core';
import ignore, { type Ignore } from 'ignore';
import { dirname, join, readFileSync, relative, sep, statSync } from './node.ts';

/** The rules of one file, and the folder that they are relative to. */
interface Level {
  /** What stands before a path of the sent folder, as seen from where the rules lie: for rules above it. */
  readonly before: string;
  /** The folder within the sent one; paths below it lose so much. */
  readonly within: string;
  readonly rules: Ignore;
}

/** The rules that hold in one folder. Those that lie deeper win; within a file the later line wins. */
export class IgnoreRules {
  readonly #levels: readonly Level[];
  readonly #root: string;
  readonly #readsGit: boolean;

  private constructor(root: string, levels: readonly Level[], readsGit: boolean) {
    this.#root = root;
    this.#levels = levels;
    this.#readsGit = readsGit;
  }

  /** @param root the folder that is sent, as its real path */
  static of(root: string): IgnoreRules {
    const sky = textOf(join(root, '.skyignore'));
    if (sky !== null) return new IgnoreRules(root, [{ before: '', within: '', rules: rulesOf(sky) }], false);
    return new IgnoreRules(root, levelsAbove(root), true).inside('');
  }

  /** With those that lie in this folder. @param path relative, empty for the sent folder itself */
  inside(path: string): IgnoreRules {
    if (!this.#readsGit) return this;
    const text = textOf(join(this.#root, path, '.gitignore'));
    if (text === null) return this;
    const level = { before: '', within: path === '' ? '' : `${path}/`, rules: rulesOf(text) };
    return new IgnoreRules(this.#root, [...this.#levels, level], true);
  }

  /** True when it is left out, with all that is in it. Folders above it are not. */
  leavesOut(path: string, isFolder: boolean): boolean {
    for (let at = this.#levels.length - 1; at >= 0; at--) {
      const { before, within, rules } = this.#levels[at] as Level;
      const seen = `${before}${path.slice(within.length)}${isFolder ? '/' : ''}`;
      const { ignored, unignored } = rules.test(seen);
      if (ignored) return true;
      if (unignored) return false;
    }
    return path === '.git' || path.endsWith('/.git');
  }
}

/** A pattern of more stars in one name takes for ever to say no; a longer one is no pattern of a person. */
const MOST_STARS = 8;
const MOST_CHARACTERS = 1_000;

/** @throws {DroverError} FILES_REFUSED for a pattern that could hold everything up */
function rulesOf(text: string): Ignore {
  text.split('\n').forEach((line, at) => {
    const stars = line
      .split('/')
      .map((part) => part.replace(/\*+/g, '*').split('*').length - 1)
      .reduce((most, count) => Math.max(most, count), 0);
    if (line.length <= MOST_CHARACTERS && stars <= MOST_STARS) return;
    throw new DroverError('FILES_REFUSED', {
      path: line.slice(0, 60),
      rule: `line ${at + 1} of the ignore rules: at most ${MOST_CHARACTERS} characters, and ${MOST_STARS} stars between two slashes`,
    });
  });
  return ignore({ ignorecase: false }).add(text);
}

/** The rules of the repository around the folder, outermost first: its `info/exclude`, then each `.gitignore` on the way. */
function levelsAbove(root: string): Level[] {
  const repository = repositoryOf(root);
  if (repository === null) return [];
  const levels: Level[] = [];
  const add = (folder: string, text: string | null): void => {
    if (text === null) return;
    const way = relative(folder, root).split(sep).join('/');
    levels.push({ before: way === '' ? '' : `${way}/`, within: '', rules: rulesOf(text) });
  };
  add(repository, textOf(join(repository, '.git', 'info', 'exclude')));
  const above: string[] = [];
  for (let at = root; at !== repository; ) {
    at = dirname(at);
    above.unshift(at);
  }
  for (const folder of above) add(folder, textOf(join(folder, '.gitignore')));
  return levels;
}

function repositoryOf(root: string): string | null {
  for (let at = root; ; at = dirname(at)) {
    if (statSync(join(at, '.git'), { throwIfNoEntry: false })) return at;
    if (dirname(at) === at) return null;
  }
}

function textOf(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
