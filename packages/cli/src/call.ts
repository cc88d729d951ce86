import type { Command } from 'commander';
import type { ConfigFile } from './settings/file.ts';
import type { Terminal } from './text/terminal.ts';

/** What `drover head` runs; see `HeadFlags` of the published package. */
export interface HeadRun {
  readonly state: string;
  /** `postgres://...`; null: SQLite in the state folder. */
  readonly store: string | null;
  readonly host: string;
  readonly port: number;
  readonly alsoListen: number | null;
  /** Null: plain HTTP. `files` null: an authority of the head's own. */
  readonly tls: {
    readonly files: { readonly cert: string; readonly key: string; readonly ca: string | null } | null;
  } | null;
  readonly tlsNames: readonly string[];
  readonly allowHosts: readonly string[];
  readonly allowOutbound: readonly string[];
  readonly trustLoopback: boolean;
  readonly pyletAccounting: 'strict' | 'lenient';
  readonly pingMs?: number;
  readonly leaseMs?: number;
  readonly offlineMs?: number;
  /** Files that describe where machines come from; null: none. */
  readonly sshPools: string | null;
  readonly fakeInfra: string | null;
  readonly advertiseUrl: string | null;
  /** Not only admins may use the infra `local`. */
  readonly localForUsers: boolean;
  readonly unknownMachines: 'report' | 'remove';
  readonly traces: boolean;
  readonly logLevel: string;
  readonly onReady: (ready: {
    url: string;
    caFile: string | null;
    tokenFile: string;
    herd: string;
    pid: number;
  }) => void;
}

/** What `drover worker` runs; see `WorkerFlags` of the published package. */
export interface WorkerRun {
  readonly state: string;
  readonly head: string;
  /** The authority to trust, `ca_...`; null: that of its identity, or those of the system. */
  readonly ca: string | null;
  readonly joinToken: string | null;
  readonly name: string | null;
  readonly advertise: string | null;
  readonly cpus: number | null;
  readonly memoryMiB: number | null;
  readonly diskMiB: number | null;
  readonly gpus: string | null;
  readonly ports: number | null;
  readonly overcommitCpu: number;
  readonly overcommitMemory: number;
  readonly cleanEnv: boolean;
  readonly logLevel: string;
  readonly onReady: (ready: { workerId: string; pid: number }) => void;
}

/** What `drover head backup` runs; see `BackupFlags` of the published package. */
export interface BackupRun {
  readonly state: string;
  readonly store: string | null;
  readonly file: string;
  readonly withLogs: boolean;
  readonly replace: boolean;
}

/** What `drover head restore` runs; see `RestoreFlags` of the published package. */
export type RestoreRun = Omit<BackupRun, 'withLogs'>;

/** What a backup says of itself. */
export interface BackupMark {
  readonly herd: string | null;
  readonly epoch: number;
  readonly rev: number;
  readonly batch: number;
  readonly at: string;
  readonly store: string;
}

/** What the composition root lends: this package imports neither head nor worker. */
export interface Hooks {
  readonly version: string;
  /** These two resolve with the exit code. */
  readonly runHead: (flags: HeadRun) => Promise<number>;
  readonly runWorker: (flags: WorkerRun) => Promise<number>;
  readonly runBackup: (
    flags: BackupRun,
  ) => Promise<{ file: string; bytes: number; rows: number; header: BackupMark }>;
  readonly runRestore: (flags: RestoreRun) => Promise<{
    rows: number;
    logs: number;
    epoch: number;
    header: BackupMark;
    setAside: readonly string[];
  }>;
}

export type Env = Readonly<Record<string, string | undefined>>;

/** One call of one verb. Its options are `command.opts()`, with environment and configuration file already in. */
export interface Call {
  readonly command: Command;
  /** Words that are no options. */
  readonly args: readonly string[];
  /** All words after `drover`, as they were typed. */
  readonly argv: readonly string[];
  readonly env: Env;
  readonly hooks: Hooks;
  readonly terminal: Terminal;
  readonly config: ConfigFile;
}

/** A verb. @returns its exit code */
export type Verb = (call: Call) => Promise<number>;

/** Options that every verb that speaks with a head has. */
export interface ClientFlags {
  readonly head?: string;
  readonly token?: string;
  readonly ca?: string;
  readonly context?: string;
  readonly project?: string;
  readonly json?: boolean;
}
