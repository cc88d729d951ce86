/** The one rule for the names of all nouns, in words fit for an error message. */
export const NAME_RULE =
  '1 to 128 characters: Unicode letters and digits, inner spaces, and . _ : - (these four not first)';

const NAME = /^[\p{L}\p{N}](?:[\p{L}\p{M}\p{N} ._:-]*[\p{L}\p{M}\p{N}._:-])?$/u;

/**
 * Brings a name to its stored form (Unicode NFC).
 * @returns the name, or null when it breaks {@link NAME_RULE}. Length is counted in code points.
 */
export function parseName(text: string): string | null {
  if (text.length > 512) return null;
  const name = text.normalize('NFC');
  if (!NAME.test(name) || [...name].length > 128) return null;
  return name;
}
