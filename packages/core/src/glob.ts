/**
 * Patterns for names, as shells and Python's `fnmatch` have them. No regular expressions: those go back and forth, and a
 * pattern that a caller has written on purpose would hold the process for minutes. Here the steps are at most those of
 * each part of the pattern on each character of the text.
 */

/** What may stand at one place of a text. */
type One = (char: string) => boolean;
/** Any characters, or none. */
const MANY = null;

const ANY: One = () => true;

/**
 * `*` is any characters or none, `?` is one, everything else is itself. The whole text has to match, with its case.
 * @param options `sets`: `[abc]`, `[a-z]` and `[!abc]` are one character too; a `[` without its end is itself, and a
 * range the wrong way round holds nothing
 */
export function globMatcher(
  glob: string,
  { sets = false }: { readonly sets?: boolean } = {},
): (text: string) => boolean {
  const parts = partsOf([...glob], sets);
  return (text) => matches(parts, [...text]);
}

function matches(parts: readonly (One | typeof MANY)[], chars: readonly string[]): boolean {
  let part = 0;
  let at = 0;
  // Where to go on when what follows the last star does not fit: the star takes one character more. Stars before it need
  // never take others than they did.
  let afterStar = -1;
  let taken = 0;
  while (at < chars.length) {
    const one = parts[part];
    if (one === MANY) {
      part += 1;
      afterStar = part;
      taken = at;
    } else if (one?.(chars[at] as string)) {
      part += 1;
      at += 1;
    } else if (afterStar >= 0) {
      taken += 1;
      at = taken;
      part = afterStar;
    } else return false;
  }
  return parts.slice(part).every((one) => one === MANY);
}

function partsOf(glob: readonly string[], sets: boolean): (One | typeof MANY)[] {
  const parts: (One | typeof MANY)[] = [];
  for (let at = 0; at < glob.length; at += 1) {
    const char = glob[at] as string;
    const end = sets && char === '[' ? endOfSet(glob, at) : -1;
    if (end >= 0) {
      parts.push(setOf(glob.slice(at + 1, end)));
      at = end;
    } else if (char !== '*') parts.push(char === '?' ? ANY : (other) => other === char);
    else if (parts.at(-1) !== MANY) parts.push(MANY);
  }
  return parts;
}

/** A `]` that comes first is one of its characters. -1: it has no end. */
function endOfSet(glob: readonly string[], start: number): number {
  const first = glob[start + 1] === '!' ? start + 2 : start + 1;
  return glob.indexOf(']', first + 1);
}

function setOf(written: readonly string[]): One {
  const isNot = written[0] === '!';
  const chars = isNot ? written.slice(1) : written;
  const singles = new Set<string>();
  const ranges: (readonly [from: string, to: string])[] = [];
  for (let at = 0; at < chars.length; at += 1) {
    const char = chars[at] as string;
    const to = chars[at + 1] === '-' ? chars[at + 2] : undefined;
    if (to === undefined) singles.add(char);
    else {
      ranges.push([char, to]);
      at += 2;
    }
  }
  const isIn: One = (char) => singles.has(char) || ranges.some(([from, to]) => from <= char && char <= to);
  return isNot ? (char) => !isIn(char) : isIn;
}
