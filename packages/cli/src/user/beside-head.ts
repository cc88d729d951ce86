import { hostname, networkInterfaces } from 'node:os';
import type { Client, WorkerView } from '@drover/client';
import { isLoopback } from '@drover/core';

/**
 * What whoever lets another person in should know: workers on the head's own machine that people run things on. That
 * they are another user's than the head's nobody sees from here. Null: there is none, or the head is elsewhere.
 */
export async function besideHead(client: Client): Promise<string | null> {
  if (!isHere(client.url)) return null;
  return warningFor(await client.workers.list({}), hostname());
}

/** @param host the name of the head's machine */
export function warningFor(
  workers: readonly Pick<WorkerView, 'id' | 'name' | 'hostname' | 'place' | 'status'>[],
  host: string,
): string | null {
  // Those of infra local are for admins, see docs/infra.md.
  const beside = workers.filter((each) => each.hostname === host && each.place !== 'local');
  const [first] = beside;
  if (!first) return null;
  const [subject, verb, it] =
    beside.length === 1
      ? [`worker ${first.name ?? first.id.slice(0, 8)} runs`, 'runs', 'it']
      : [`${beside.length} workers run`, 'run', 'they'];
  return `${subject} on the head's machine: whoever runs something there may read the head's files unless ${it} ${verb} as another user`;
}

function isHere(url: string): boolean {
  const name = new URL(url).hostname.replace(/^\[|\]$/g, '');
  const own = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  return isLoopback(name) || name === hostname() || own.some(({ address }) => address === name);
}
