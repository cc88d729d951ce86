/** Splits `key=value` at the first equals sign. @returns null without one, or with an empty key. */
export function parsePair(text: string): readonly [string, string] | null {
  const at = text.indexOf('=');
  return at < 1 ? null : [text.slice(0, at), text.slice(at + 1)];
}

/** A line of an environment file that cannot be read. */
export class BadEnvLine extends Error {}

/**
 * Reads `KEY=VALUE` lines: blank lines and # comments are skipped, `export ` is allowed, values may stand in single
 * quotes (as they are) or double quotes (with \n, \t, \" and \\). Nothing is expanded.
 * @throws {BadEnvLine} with the number of the line
 */
export function parseEnvFile(text: string): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [index, raw] of text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const pair = parsePair(line.replace(/^export\s+/, ''));
    if (pair === null) throw new BadEnvLine(`line ${index + 1}: expected KEY=VALUE`);
    const [key, value] = pair;
    env[key.trim()] = unquote(value.trim());
  }
  return env;
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r' };

function unquote(value: string): string {
  const quoted = /^(['"])(.*)\1$/s.exec(value);
  if (quoted === null) return value.replace(/(?<!\s)\s+#.*$/, '');
  const inner = quoted[2] ?? '';
  if (quoted[1] === "'") return inner;
  return inner.replace(/\\(.)/g, (_, char: string) => ESCAPES[char] ?? char);
}
