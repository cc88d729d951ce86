import { type Client, type InstanceStatus, type InstanceView, isDroverError } from '@drover/client';
import { labelOf } from '../instance/shown.ts';
import { formatDuration } from '../values/duration.ts';

/** How it went. */
export interface InstanceEnd {
  readonly ended: number;
  readonly problems: readonly string[];
}

const LIVE: readonly InstanceStatus[] = ['PENDING', 'ASSIGNED', 'RUNNING', 'UNKNOWN'];
/** Beyond the grace period: for SIGKILL, the release of resources and the report. */
const MARGIN_MS = 15_000;
/** For all clusters to stop what runs on them. */
const CLUSTER_MS = 30_000;

/** Deletes all instances of the client's project and waits for the end of what ran. @param graceMs instead of each one's own */
export async function endInstances(
  client: Client,
  graceMs: number | undefined,
  say: (line: string) => void,
): Promise<InstanceEnd> {
  await stopClusters(client, say);
  const live = await listLive(client);
  if (graceMs !== undefined) {
    for (const { id } of live) await client.instances.cancel(id, { graceMs }).catch(ignoreEnded);
  }
  await client.instances.deleteAll();
  const graces = live.map((view) => graceMs ?? view.graceMs);
  const untilMs = performance.now() + Math.max(0, ...graces) + MARGIN_MS;
  let left = await listLive(client);
  let said = '';
  while (left.some(canEnd) && performance.now() < untilMs) {
    const first = left.find(canEnd);
    const limit = formatDuration(Math.max(0, untilMs - performance.now() - MARGIN_MS));
    const line = `waiting for ${left.filter(canEnd).length} instances to end, at most ${limit}`;
    if (line.split(',')[0] !== said.split(',')[0]) say(line);
    said = line;
    // The head holds the reply until it has ended: then all are looked at again.
    if (first) await client.instances.wait(first.id, { timeoutMs: 2000 }).catch(ignoreEnded);
    left = await listLive(client);
  }
  const problems = left.map((view) =>
    view.status === 'UNKNOWN'
      ? `${labelOf(view)} is on a worker that cannot be reached, and may go on there`
      : `${labelOf(view)} did not end in time`,
  );
  return { ended: live.length - left.length, problems };
}

/** Clusters end what runs on them; the homes of their nodes stay, where they can. */
async function stopClusters(client: Client, say: (line: string) => void): Promise<void> {
  const clusters = (await client.clusters.list()).filter(({ status }) => status !== 'STOPPED');
  if (clusters.length === 0) return;
  say(`stopping ${clusters.length === 1 ? `cluster ${clusters[0]?.name}` : `${clusters.length} clusters`}`);
  const futures = await Promise.all(
    clusters.map(({ name }) =>
      client.clusters.stop(name).catch((error: unknown) => {
        // Spot machines cannot be stopped.
        if (isDroverError(error) && error.code === 'NOT_SUPPORTED') return client.clusters.down(name);
        if (isDroverError(error) && error.code === 'CLUSTER_NOT_FOUND') return null;
        throw error;
      }),
    ),
  );
  for (const future of futures)
    await future?.get({ timeoutMs: CLUSTER_MS }).catch((error: unknown) => say(String(error)));
}

/** What is UNKNOWN ends only when its worker comes back. */
const canEnd = ({ status }: InstanceView): boolean => status !== 'UNKNOWN';

async function listLive(client: Client): Promise<InstanceView[]> {
  const views: InstanceView[] = [];
  for await (const view of client.instances.list({ status: LIVE })) views.push(view);
  return views;
}

/** It has ended or is gone, or has not ended yet: the next list tells. */
function ignoreEnded(error: unknown): null {
  if (isDroverError(error) && ['ALREADY_FINAL', 'INSTANCE_NOT_FOUND', 'TIMEOUT'].includes(error.code))
    return null;
  throw error;
}
