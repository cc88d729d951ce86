/** `drover head backup` and `drover head restore`, beside a head or without one. */
import { ensurePrivateDir } from '@drover/head';
import { type BackupSummary, backUp, type RestoreSummary, restore } from '@drover/head/backup';
import { acquireLock } from '@drover/worker/os';
import { VERSION } from './version.ts';

export interface BackupFlags {
  readonly state: string;
  readonly store: string | null;
  readonly file: string;
  readonly withLogs: boolean;
  readonly replace: boolean;
}

export interface RestoreFlags {
  readonly state: string;
  readonly store: string | null;
  readonly file: string;
  readonly replace: boolean;
}

/** @returns what was written */
export async function runBackup(flags: BackupFlags): Promise<BackupSummary> {
  return await backUp({ ...flags, stateDir: flags.state, version: VERSION });
}

/** The folder is locked as by a head: neither starts while the other is there. @returns what was restored */
export async function runRestore(flags: RestoreFlags): Promise<RestoreSummary> {
  ensurePrivateDir(flags.state);
  const lock = acquireLock(flags.state);
  try {
    return await restore({ ...flags, stateDir: flags.state });
  } finally {
    lock.release();
  }
}
