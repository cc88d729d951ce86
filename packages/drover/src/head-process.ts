/** `drover head`: one head in the foreground, until a signal. */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { startHead } from '@drover/head';
import { acquireLock, writeAtomic } from '@drover/worker/os';
import { makeProcessLog } from './process-log.ts';
import { untilSignal } from './signals.ts';
import { VERSION } from './version.ts';

export interface HeadFlags {
  readonly state: string;
  readonly host: string;
  readonly port: number;
  readonly alsoListen: number | null;
  readonly trustLoopback: boolean;
  readonly pyletAccounting: 'strict' | 'lenient';
  readonly pingMs?: number;
  readonly leaseMs?: number;
  readonly offlineMs?: number;
  readonly logLevel: string;
  /** Called once, when it serves. */
  readonly onReady: (ready: { url: string; tokenFile: string; herd: string; pid: number }) => void;
}

/** Open connections may not hold up the end for longer. */
const STOP_MS = 9_000;

/** @returns the exit code, when the head has ended. */
export async function runHead(flags: HeadFlags): Promise<number> {
  mkdirSync(flags.state, { recursive: true, mode: 0o700 });
  const lock = acquireLock(flags.state);
  const log = makeProcessLog('head', flags.logLevel);
  // Heard from the first moment: a signal during the start ends it in order, right after.
  const stop = untilSignal();
  const { pingMs, leaseMs, offlineMs } = flags;
  const head = await startHead({
    stateDir: flags.state,
    version: VERSION,
    host: flags.host,
    port: flags.port,
    alsoListen: flags.alsoListen,
    trustLoopback: flags.trustLoopback,
    pyletAccounting: flags.pyletAccounting,
    timing: { ...(pingMs && { pingMs }), ...(leaseMs && { leaseMs }), ...(offlineMs && { offlineMs }) },
    log,
    onFatal(error) {
      log.error({ err: error }, 'the state can no longer be stored; this head ends');
      process.exit(70);
    },
  });
  const file = join(flags.state, 'head.json');
  writeAtomic(
    file,
    `${JSON.stringify({ url: head.url, pid: process.pid, tokenFile: head.tokenFile, herd: head.herd })}\n`,
  );
  flags.onReady({ url: head.url, tokenFile: head.tokenFile, herd: head.herd, pid: process.pid });
  await stop;
  log.info({}, 'stopping; no instance is touched');
  setTimeout(() => process.exit(1), STOP_MS).unref();
  await head.close();
  rmSync(file, { force: true });
  lock.release();
  return 0;
}
