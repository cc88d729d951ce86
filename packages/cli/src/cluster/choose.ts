/** The clusters that a command line means. */
import type { Client, ClusterView } from '@drover/client';
import { globMatcher } from '@drover/core';
import { UsageError } from '../errors.ts';

/**
 * @param words names or patterns; a name that matches nothing is an error, a pattern that does is not
 * @throws {UsageError} when nothing is named and not `all`
 */
export async function chooseClusters(
  client: Client,
  words: readonly string[],
  all: boolean | undefined,
): Promise<ClusterView[]> {
  if (words.length === 0 && !all) throw new UsageError('name clusters, or say --all');
  const there = await client.clusters.list();
  if (all) return there;
  const chosen = new Map<string, ClusterView>();
  for (const word of words) {
    const isPattern = /[*?]/.test(word);
    const isMeant = isPattern ? globMatcher(word) : (name: string) => name === word;
    const found = there.filter(({ name }) => isMeant(name));
    // The head says it in its own words.
    if (found.length === 0 && !isPattern) await client.clusters.get(word);
    for (const view of found) chosen.set(view.name, view);
  }
  return [...chosen.values()];
}
