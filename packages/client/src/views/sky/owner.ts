/** Who may do what the seed allows to the one who made the cluster. */
import { DroverError } from '@drover/core';
import type { ClusterView } from '@drover/core/wire';
import type { Client } from '../../client.ts';

/**
 * Who calls, the token says; with the head's own, whoever `DROVER_USER` names, and all others are one user.
 * @throws {DroverError} CLUSTER_NOT_FOUND unless it need not be there, CLUSTER_OWNER_MISMATCH
 */
export async function assertOwner(
  client: Client,
  name: string,
  { isOptional = false }: { isOptional?: boolean } = {},
): Promise<ClusterView | null> {
  const [mine] = await client.clusters.list({ names: [name], allUsers: false });
  if (mine !== undefined) return mine;
  const [other] = await client.clusters.list({ names: [name], allUsers: true });
  if (other === undefined) {
    if (isOptional) return null;
    throw new DroverError('CLUSTER_NOT_FOUND', { ref: name });
  }
  const { user } = await client.head.whoami();
  throw new DroverError('CLUSTER_OWNER_MISMATCH', { ref: name, owner: other.user.name, user: user.name });
}

/** @throws {DroverError} as {@link assertOwner}, and CLUSTER_NOT_UP */
export async function assertUp(
  client: Client,
  name: string,
  { isInitEnough = false }: { isInitEnough?: boolean } = {},
): Promise<void> {
  const view = await assertOwner(client, name);
  if (view === null || view.status === 'UP' || (isInitEnough && view.status === 'INIT')) return;
  const rule = view.reason?.message ?? 'start it, or launch on it again';
  throw new DroverError('CLUSTER_NOT_UP', { ref: name, status: view.status, rule });
}
