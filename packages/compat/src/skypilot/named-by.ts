/** Which clusters a client names: some by their names, some by patterns. */
import { globMatcher, invalid } from '@drover/core';

const IS_PATTERN = /[*?[]/;
/** Each is tried on every cluster. */
const MOST_PATTERNS = 100;
const MOST_PATTERN_CHARS = 100;

/**
 * Names and patterns with `*`, `?` and `[abc]`, as shells take them; null: all.
 * @throws {DroverError} INVALID_REQUEST
 */
export function namedBy(names: readonly string[] | null): (name: string) => boolean {
  if (names === null) return () => true;
  const exact = new Set(names);
  const globs = [...exact].filter((name) => IS_PATTERN.test(name));
  if (globs.length > MOST_PATTERNS) throw invalid('cluster_names', `at most ${MOST_PATTERNS} patterns`);
  if (globs.some((glob) => glob.length > MOST_PATTERN_CHARS))
    throw invalid('cluster_names', `patterns of at most ${MOST_PATTERN_CHARS} characters`);
  const patterns = globs.map((glob) => globMatcher(glob, { sets: true }));
  return (name) => exact.has(name) || patterns.some((matches) => matches(name));
}
