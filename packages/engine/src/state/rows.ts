/** The rows, one interface per collection. A row is frozen; a change is a new row. */
import type {
  GangId,
  InstanceId,
  InstanceStatus,
  MachineId,
  ReservationId,
  ReservationStatus,
  Resources,
  WorkerId,
  WorkerLostPolicy,
  WorkerStatus,
} from '@drover/core';
import type { Offer, Reason } from '@drover/core/wire';
import type { ClusterRow } from '../clusters/row.ts';
import type { JobRow } from '../jobs/row.ts';
import type { MachineRow } from '../machines/row.ts';
import type { Origin } from '../origin.ts';
import type { ProjectRow } from '../projects/row.ts';
import type { RequestRow } from '../requests/row.ts';
import type { TokenRow } from '../tokens/row.ts';
import type { UserRow } from '../users/row.ts';

/** What all rows share: the columns of the store, see `StoredRow`. Times are Unix milliseconds. */
export interface RowBase {
  readonly id: string;
  readonly seq: number;
  readonly project: string;
  readonly name: string | null;
  readonly status: string;
  readonly owner: string | null;
  readonly rev: number;
  readonly v: number;
}

/** What was asked for; never changes. */
export interface InstanceSpec {
  readonly command: string | readonly string[];
  readonly resources: {
    readonly cpu: number;
    readonly memoryMiB: number;
    readonly diskMiB: number;
    readonly gpus: number;
  };
  readonly gpuIndices: readonly number[] | null;
  readonly exclusive: boolean;
  readonly targetWorker: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
  readonly venv: string | null;
  readonly workdir: string | null;
  readonly priority: number;
  readonly graceMs: number;
  readonly logCapMiB: number;
  /** strict: what is asked is held and enforced. lenient: CPU and memory are recorded only. */
  readonly accounting: 'strict' | 'lenient';
  readonly onWorkerLost: WorkerLostPolicy;
  /** Null with `wait`. */
  readonly lostAfterMs: number | null;
  /** For what runs on a node of a cluster: null for all others. */
  readonly node: NodeRun | null;
}

/** How an instance stands to the node of a cluster that it runs on. */
export interface NodeRun {
  /** What it uses a share of; it holds nothing itself. Null: only its worker's disk is touched. */
  readonly reservation: ReservationId | null;
  /** The key of the node's home on its worker. */
  readonly home: string;
  readonly files: readonly { readonly tree: string; readonly target: string }[];
  /** Secrets, and what Drover sets; no other variable of the user's stands against them. Shown nowhere. */
  readonly context: Readonly<Record<string, string>>;
  /** Nothing is run: the home goes. */
  readonly removeHome: boolean;
  readonly role: 'setup' | 'run' | 'clean';
  readonly rank: number;
}

export interface InstanceRow extends RowBase {
  readonly id: InstanceId;
  readonly status: InstanceStatus;
  readonly spec: InstanceSpec;
  readonly submittedBy: string;
  /** The call that asked for it; absent: no call did, or an older head took it in. */
  readonly origin?: Origin | undefined;
  readonly createdMs: number;
  readonly sinceMs: number;
  readonly attempt: number;
  readonly workerId: WorkerId | null;
  readonly workerHost: string | null;
  readonly gpuIndices: readonly number[] | null;
  readonly port: number | null;
  readonly pid: number | null;
  readonly assignedMs: number | null;
  readonly startedMs: number | null;
  readonly endedMs: number | null;
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly reason: Reason | null;
  readonly cancel: { readonly atMs: number; readonly by: string; readonly graceMs: number } | null;
  /** True when the present attempt holds nothing any more (or never held anything). */
  readonly released: boolean;
  readonly log: { readonly available: number; readonly size: number; readonly archived: boolean } | null;
  /** How often its worker was lost under it and it was placed anew for that; absent: never. */
  readonly losses?: number;
  /** Set when the record is to go as soon as its processes have gone. */
  readonly deleting: { readonly atMs: number; readonly by: string } | null;
}

export interface ReservationRow extends RowBase {
  readonly id: ReservationId;
  readonly status: ReservationStatus;
  /** Members of one gang are placed together or not at all. */
  readonly gang: GangId | null;
  readonly priority: number;
  /** What counts against the worker. */
  readonly resources: Resources;
  readonly requestedGpuIndices: readonly number[] | null;
  readonly exclusive: boolean;
  readonly targetWorker: string | null;
  /** The infra whose workers will do, `pool/default` when nothing was said. */
  readonly place: string;
  /** The machine types that will do; null: any. */
  readonly types: readonly string[] | null;
  /** A node of a cluster: on another worker than the other nodes, with a home there. */
  readonly isNode: boolean;
  /** Workers on which other nodes of its cluster are, which are not placed with it. */
  readonly notOn?: readonly string[];
  readonly workerId: WorkerId | null;
  readonly gpuIndices: readonly number[];
  /** The attempt that left it behind on its worker; its instance has moved on. Null while an instance owns it. */
  readonly leftBy: {
    readonly instance: string;
    readonly attempt: number;
    /** It holds nothing any more but its log, which is still to be archived. */
    readonly ended?: boolean;
  } | null;
}

export interface WorkerRow extends RowBase {
  readonly id: WorkerId;
  readonly status: WorkerStatus;
  /** The infra that it belongs to, as its join token says: `pool/default`, `local`, `ssh/lab`. */
  readonly place: string;
  /** The machine that was made for it; null for one that joined by hand. */
  readonly machine: MachineId | null;
  /** Nothing new is placed there: its machine is about to stop. */
  readonly draining: boolean;
  readonly offer: Offer | null;
  readonly bootId: string | null;
  /** The join token that it came with; null: it joined before that was written down. */
  readonly joinToken: string | null;
  readonly reason: Reason | null;
  readonly createdMs: number;
  readonly sinceMs: number;
  readonly lastSeenMs: number | null;
}

/** A worker's identity: the digest of its secret. The id is the worker's. */
export interface IdentityRow extends RowBase {
  readonly id: WorkerId;
  readonly status: 'VALID' | 'DELETED' | 'REVOKED';
  readonly digest: string;
  /** The digest of the secret that it was given last and has not come with yet. */
  readonly next: string | null;
  /** The digest of the secret before this one, void since: who comes with it is another holder of this identity. */
  readonly voided: string | null;
  /** Null: made before identities expired, and not renewed since. */
  readonly expiresMs: number | null;
  readonly createdMs: number;
  /** When its worker was deleted; it may come back to be told so, and can do nothing else. */
  readonly deletedMs?: number | null;
}

export interface JoinTokenRow extends RowBase {
  /** The infra that a worker joins with it. */
  readonly place: string;
  /** The machine that it was made for: its worker alone may join with it. */
  readonly machine: MachineId | null;
  readonly digest: string;
  readonly uses: number;
  readonly used: number;
  readonly expiresMs: number;
  readonly createdMs: number;
}

/** One create call that carried an idempotency key. The id is a digest of project and key. */
export interface IdempotencyRow extends RowBase {
  readonly bodyDigest: string;
  readonly instanceId: InstanceId;
  readonly createdMs: number;
}

/** A deleted record that its worker may still hold. The id is `instance/attempt`, the owner the worker. */
export interface TombstoneRow extends RowBase {
  readonly createdMs: number;
}

export interface MetaRow extends RowBase {
  readonly value: string;
}

export interface EventRow extends RowBase {
  readonly atMs: number;
  readonly noun: string;
  readonly subject: string;
  readonly type: string;
  readonly from: string | null;
  readonly to: string | null;
  readonly reason: Reason | null;
  readonly actor: string;
  readonly actorKind: 'person' | 'worker' | 'system';
  /** A person with the role of an admin did it. */
  readonly byAdmin: boolean;
  /** The address that the call came from. */
  readonly source: string | null;
  readonly cause: string | null;
}

/** The collections that live in memory, with their rows. */
export interface Collections {
  meta: MetaRow;
  instances: InstanceRow;
  reservations: ReservationRow;
  workers: WorkerRow;
  identities: IdentityRow;
  joinTokens: JoinTokenRow;
  idempotency: IdempotencyRow;
  tombstones: TombstoneRow;
  machines: MachineRow;
  clusters: ClusterRow;
  jobs: JobRow;
  requests: RequestRow;
  users: UserRow;
  projects: ProjectRow;
  tokens: TokenRow;
}
export type Collection = keyof Collections;

export const COLLECTIONS: readonly Collection[] = [
  'meta',
  'instances',
  'reservations',
  'workers',
  'identities',
  'joinTokens',
  'idempotency',
  'tombstones',
  'machines',
  'clusters',
  'jobs',
  'requests',
  'users',
  'projects',
  'tokens',
];
