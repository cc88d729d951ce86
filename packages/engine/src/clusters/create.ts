/** A new cluster, as it is before anything of it is there; and a name for one that was given none. */
import type { ClusterId } from '@drover/core';
import type { AutostopSpec, LaunchBody } from '@drover/core/wire';
import { type Actor, userOf } from '../actor.ts';
import type { Ports } from '../ports.ts';
import type { Transaction } from '../state/transaction.ts';
import { isUser } from './admins-only.ts';
import type { ClusterRow } from './row.ts';
import { STARTING } from './rules.ts';

/** What is known of it besides its launch. */
interface Given {
  readonly name: string;
  readonly body: LaunchBody;
  readonly autostop: AutostopSpec | null;
  readonly lastUse: string;
}

export function createCluster(tx: Transaction, ports: Ports, actor: Actor, given: Given): ClusterRow {
  const { name, body, autostop, lastUse } = given;
  const now = ports.clock.wallMs();
  const id = ports.random.uuid() as ClusterId;
  tx.put('clusters', {
    id,
    project: actor.project,
    name,
    status: 'INIT',
    owner: null,
    desired: 'UP',
    generation: 1,
    failure: null,
    user: userOf(actor),
    byUser: isUser(actor),
    resources: body.task.resources,
    blocked: body.task.blockedResources ?? [],
    numNodes: body.task.numNodes,
    optimize: body.optimize,
    retryUntilUp: body.retryUntilUp,
    candidate: null,
    tried: [],
    retryAtMs: null,
    round: 0,
    nodes: [],
    homesLeft: [],
    reason: STARTING,
    sinceMs: now,
    createdMs: now,
    launchedMs: now,
    everUp: false,
    lastUse,
    autostop,
    idleSinceMs: null,
    nextJob: 1,
    purge: false,
    usage: [],
  });
  tx.event({ noun: 'clusters', subject: id, name, type: 'launch', from: null, to: 'INIT' });
  return tx.get('clusters', id) as ClusterRow;
}

/** `c-1a2b`, and the user's name after it where it makes a good one. */
export function freeName(tx: Transaction, ports: Ports, actor: Actor): string {
  const user = userOf(actor)
    .name.toLowerCase()
    .replace(/[^a-z0-9]/g, '')
    .slice(0, 20);
  for (;;) {
    const tail = ports.random.uuid().slice(0, 4);
    const name = `c-${tail}${user === '' ? '' : `-${user}`}`;
    if (tx.named('clusters', actor.project, name).length === 0) return name;
  }
}
