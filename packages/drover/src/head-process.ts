/** `drover head`: one head in the foreground, until a signal. */
import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { ensurePrivateDir, type HeadOptions, startHead } from '@drover/head';
import { acquireLock, writeAtomic } from '@drover/worker/os';
import { makeProcessLog } from './process-log.ts';
import { untilSignal } from './signals.ts';
import { VERSION } from './version.ts';

export interface HeadFlags {
  readonly state: string;
  /** `postgres://...`; null: SQLite in the state folder. */
  readonly store: string | null;
  readonly host: string;
  readonly port: number;
  readonly alsoListen: number | null;
  /** Null: plain HTTP. `files` null: an authority of the head's own. */
  readonly tls: HeadOptions['tls'];
  readonly tlsNames: readonly string[];
  readonly allowHosts: readonly string[];
  /** Networks that URLs of users may lead to besides the public internet. */
  readonly allowOutbound: readonly string[];
  readonly trustLoopback: boolean;
  readonly pyletAccounting: 'strict' | 'lenient';
  readonly pingMs?: number;
  readonly leaseMs?: number;
  readonly offlineMs?: number;
  /** Files that describe where machines come from; null: none. */
  readonly sshPools: string | null;
  readonly fakeInfra: string | null;
  /** The address of this head for other machines. */
  readonly advertiseUrl: string | null;
  /** Not only admins may use the infra `local`, whose workers run as the user of this head. */
  readonly localForUsers: boolean;
  readonly unknownMachines: 'report' | 'remove';
  /** Spans of calls, commits, passes and orders go where the OTEL_* variables say. */
  readonly traces: boolean;
  readonly logLevel: string;
  /** Called once, when it serves. */
  readonly onReady: (ready: Served) => void;
}

/** What is said when it serves, on standard output and in `head.json`. */
interface Served {
  readonly url: string;
  /** PEM of what its clients shall trust; null: plain HTTP, or what their systems trust. */
  readonly caFile: string | null;
  readonly tokenFile: string;
  readonly herd: string;
  readonly pid: number;
}

/** Open connections may not hold up the end for longer. */
const STOP_MS = 9_000;

/**
 * Keeps the heap near what lives in it. Left to itself it grows to several times that under a load before the first full
 * collection, and stays there: 965 MiB resident after 100,000 instances, of which 70 were alive.
 */
function keepSmall(): void {
  setFlagsFromString('--heap-growing-percent=40');
}

/** @returns the exit code, when the head has ended. */
export async function runHead(flags: HeadFlags): Promise<number> {
  keepSmall();
  ensurePrivateDir(flags.state); // before anything is written there, the lock included
  const lock = acquireLock(flags.state);
  const log = makeProcessLog('head', flags.logLevel);
  // Heard from the first moment: a signal during the start ends it in order, right after.
  const stop = untilSignal();
  const { pingMs, leaseMs, offlineMs } = flags;
  const head = await startHead({
    stateDir: flags.state,
    store: flags.store,
    version: VERSION,
    host: flags.host,
    port: flags.port,
    alsoListen: flags.alsoListen,
    tls: flags.tls,
    tlsNames: flags.tlsNames,
    allowHosts: flags.allowHosts,
    allowOutbound: flags.allowOutbound,
    trustLoopback: flags.trustLoopback,
    pyletAccounting: flags.pyletAccounting,
    timing: { ...(pingMs && { pingMs }), ...(leaseMs && { leaseMs }), ...(offlineMs && { offlineMs }) },
    infra: {
      sshPools: flags.sshPools,
      fakeInfra: flags.fakeInfra,
      advertiseUrl: flags.advertiseUrl,
      localForUsers: flags.localForUsers,
      // A worker of this machine is run by the program that runs this head.
      workerProgram: [process.execPath, ...process.execArgv, process.argv[1] ?? ''],
      bundleDir: dirname(fileURLToPath(import.meta.url)),
    },
    unknownMachines: flags.unknownMachines,
    traces: flags.traces,
    log,
    onFatal(error) {
      log.error({ err: error }, 'the state can no longer be stored; this head ends');
      process.exit(70);
    },
  });
  const file = join(flags.state, 'head.json');
  const { url, caFile, tokenFile, herd } = head;
  const served: Served = { url, caFile, tokenFile, herd, pid: process.pid };
  writeAtomic(file, `${JSON.stringify(served)}\n`);
  flags.onReady(served);
  await stop;
  log.info({}, 'stopping; no instance is touched');
  setTimeout(() => process.exit(1), STOP_MS).unref();
  await head.close();
  rmSync(file, { force: true });
  lock.release();
  return 0;
}
