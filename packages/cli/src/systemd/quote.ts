/** Words as they stand in a systemd unit, see systemd.syntax(7) and systemd.service(5). */
import { UsageError } from '../errors.ts';

const PLAIN = /^[A-Za-z0-9_@+=:,./-]+$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const CONTROL = /[\u0000-\u001f\u007f]/;

/**
 * One word of `ExecStart=`: it reaches the program as it is here, whatever it is made of.
 * @throws {UsageError} when it has a line break, a NUL or another control character
 */
export function quoteArgument(word: string): string {
  // A variable is put in wherever `$` stands, also between quotes.
  return quoteWord(word).replaceAll('$', '$$$$');
}

/** One word of a setting that puts in no variables (`Environment=`, `ReadWritePaths=`). @throws {UsageError} as above */
export function quoteWord(word: string): string {
  assertOneLine(word);
  if (PLAIN.test(word)) return word;
  const escaped = word.replaceAll('\\', '\\\\').replaceAll('"', '\\"');
  return `"${escapeSpecifiers(escaped)}"`;
}

/** The path of a setting that is not split into words (`EnvironmentFile=`). @throws {UsageError} as above */
export function plainPath(path: string): string {
  assertOneLine(path);
  // Read as it stands, but that a backslash before the end of the line would join the next one to it.
  if (path.endsWith('\\')) throw new UsageError(`${path}: a path in a unit cannot end with a backslash`);
  return escapeSpecifiers(path);
}

/** `%i` and the like mean something in a unit. */
const escapeSpecifiers = (text: string): string => text.replaceAll('%', '%%');

function assertOneLine(word: string): void {
  if (!CONTROL.test(word)) return;
  const shown = JSON.stringify(word.length > 60 ? `${word.slice(0, 57)}...` : word);
  throw new UsageError(`${shown} cannot stand in a systemd unit: it has a line break or control character`);
}

/** A line of an `EnvironmentFile=`. @throws {UsageError} as above */
export function environmentLine(name: string, value: string): string {
  assertOneLine(value);
  return `${name}="${value.replace(/["\\$`]/g, '\\$&')}"`;
}
