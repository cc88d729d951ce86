/** `drover worker`: one worker in the foreground, until a signal. */
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { DroverError, invalid } from '@drover/core';
import { HeadUntrusted, JoinRefused, startWorker } from '@drover/worker';
import {
  acquireLock,
  detectCapacity,
  detectGpus,
  detectHost,
  parseGpuFlag,
  protectFromOutOfMemory,
} from '@drover/worker/os';
import { makeProcessLog } from './process-log.ts';
import { untilSignal } from './signals.ts';
import { VERSION } from './version.ts';

export interface WorkerFlags {
  readonly state: string;
  readonly head: string;
  /** The only authority that may have signed its certificate, see `parseCa`; null: that of the identity, or the system's. */
  readonly ca: string | null;
  readonly joinToken: string | null;
  readonly name: string | null;
  /** Address under which instances are reached. */
  readonly advertise: string | null;
  /** Each overrides what was found on the machine. */
  readonly cpus: number | null;
  readonly memoryMiB: number | null;
  readonly diskMiB: number | null;
  readonly gpus: string | null;
  readonly ports: number | null;
  readonly overcommitCpu: number;
  readonly overcommitMemory: number;
  readonly cleanEnv: boolean;
  readonly logLevel: string;
  /** Called once, when the head shows this worker ONLINE. */
  readonly onReady: (ready: { workerId: string; pid: number }) => void;
}

/** Whatever is connected, the end may not take longer. */
const STOP_MS = 9_000;

/**
 * @returns the exit code, when the worker has ended
 * @throws {DroverError} JOIN_TOKEN_INVALID, FORBIDDEN when the head refuses this worker, INVALID_REQUEST
 */
export async function runWorker(flags: WorkerFlags): Promise<number> {
  const given = flags.gpus === null ? null : parseGpus(flags.gpus);
  mkdirSync(flags.state, { recursive: true, mode: 0o700 });
  const lock = acquireLock(flags.state);
  const log = makeProcessLog('worker', flags.logLevel);
  protectFromOutOfMemory();
  const stop = untilSignal();
  const found = detectCapacity(flags.state);
  const { host, hostname } = detectHost();
  const gpus = given ?? (await detectGpus(log));
  const physical = {
    cpu: flags.cpus ?? found.cpu,
    memoryMiB: flags.memoryMiB ?? found.memoryMiB,
    diskMiB: flags.diskMiB ?? found.diskMiB,
    ports: flags.ports ?? found.ports,
    gpus: gpus.length,
  };
  const schedulable = {
    ...physical,
    cpu: Math.round(physical.cpu * flags.overcommitCpu * 1000) / 1000,
    memoryMiB: Math.floor(physical.memoryMiB * flags.overcommitMemory),
  };
  let refused: string | null = null;
  const starting = startWorker({
    stateDir: flags.state,
    headUrl: flags.head,
    ca: flags.ca,
    joinToken: flags.joinToken,
    name: flags.name,
    offer: { host: flags.advertise ?? host, hostname, physical, schedulable, gpus, version: VERSION },
    shimPath: fileURLToPath(new URL('./shim.sh', import.meta.url)),
    cleanEnv: flags.cleanEnv,
    log,
    onRefused(reason) {
      refused = reason;
      log.error({ reason }, 'the head refuses this worker; its instances are left as they are');
      process.kill(process.pid, 'SIGTERM');
    },
  }).catch((error: unknown) => {
    if (!(error instanceof JoinRefused)) throw error;
    const code = error instanceof HeadUntrusted ? 'HEAD_UNTRUSTED' : 'JOIN_TOKEN_INVALID';
    throw new DroverError(code, {}, { message: error.message, cause: error });
  });
  // Joining goes on until the head can be reached: a signal ends that too.
  const worker = await Promise.race([starting, stop]);
  if (worker === undefined) {
    starting.catch(() => undefined);
    lock.release();
    return 0;
  }
  worker.online
    .then(() => flags.onReady({ workerId: worker.workerId, pid: process.pid }))
    .catch((err: unknown) => log.error({ err }, 'could not say that this worker is online'));
  await stop;
  log.info({}, 'stopping; instances go on');
  setTimeout(() => process.exit(1), STOP_MS).unref();
  await worker.close();
  lock.release();
  if (refused !== null)
    throw new DroverError('FORBIDDEN', {}, { message: `the head refuses this worker: ${refused}` });
  return 0;
}

function parseGpus(text: string): ReturnType<typeof parseGpuFlag> {
  try {
    return parseGpuFlag(text);
  } catch (error) {
    if (error instanceof RangeError) throw invalid('gpus', error.message.replace(/^--gpus .*?: /, ''), text);
    throw error;
  }
}
