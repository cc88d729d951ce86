import { rmSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { join } from 'node:path';
import type { Client } from '@drover/client';
import { isLoopback } from '@drover/core';
import type { Env } from '../call.ts';
import { clientOf } from '../connect.ts';
import { Failure } from '../errors.ts';
import { DEFAULT_PORT } from '../head/run.ts';
import { stateRoot } from '../settings/state.ts';
import {
  type HerdFile,
  readHerdFile,
  readJson,
  workerFolder,
  workerFolders,
  workerIdIn,
  writeHerdFile,
} from './files.ts';
import { headIn } from './head-line.ts';
import { endProcess, type Holder, holderOf, lives, nap, readText } from './holder.ts';
import { startInBackground } from './spawn.ts';

/** What `drover up` was told; what is absent is as it was before, or the default. */
export interface HerdWishes {
  readonly workers?: number | undefined;
  readonly cpus?: number | undefined;
  readonly memoryMiB?: number | undefined;
  readonly gpus?: string | undefined;
  readonly port?: number | undefined;
  /** The address that the head is bound to. Beyond loopback it speaks TLS, with an authority of its own. */
  readonly host?: string | undefined;
}

/** One process of the herd. `started` is false when it was there already. */
export interface HerdMember {
  readonly pid: number;
  readonly started: boolean;
}

/** What runs now. */
export interface Herd {
  /** `host`: the address that it is bound to. */
  readonly head: HerdMember & HeadLine & { readonly host: string };
  readonly workers: readonly (HerdMember & { readonly workerId: string })[];
}

interface HeadLine {
  readonly url: string;
  readonly tokenFile: string;
  readonly caFile: string | null;
  readonly herd: string;
}

const START_MS = 60_000;
const LOOPBACK = '127.0.0.1';

/** Starts what is missing of the herd on this machine and waits until all of it serves. @throws {Failure} */
export async function startHerd(env: Env, wishes: HerdWishes, say: (line: string) => void): Promise<Herd> {
  const root = stateRoot(env);
  const before = readHerdFile(root);
  writeHerdFile(root, before);
  const unlock = await lockHerd(root);
  try {
    const head = await startHeadIfMissing(root, before, wishes, say);
    const wanted: HerdFile = {
      url: head.url,
      workers: wishes.workers ?? before.workers ?? 1,
      cpus: wishes.cpus ?? before.cpus,
      memoryMiB: wishes.memoryMiB ?? before.memoryMiB,
      gpus: wishes.gpus ?? before.gpus,
      // One that ran before stays where it is bound, whatever is wished.
      host: head.started ? head.host : before.host,
    };
    writeHerdFile(root, wanted);
    const opened = headIn({ ...head });
    const client = clientOf(opened, 5000);
    const moved = before.url !== undefined && before.url !== head.url;
    return { head, workers: await startWorkers(root, wanted, client, opened.ca, moved, say) };
  } finally {
    unlock();
  }
}

async function startHeadIfMissing(
  root: string,
  before: HerdFile,
  wishes: HerdWishes,
  say: (line: string) => void,
): Promise<Herd['head']> {
  const folder = join(root, 'head');
  const holder = holderOf(folder);
  if (holder !== null)
    return {
      ...(await readyFile(folder, holder)),
      host: before.host ?? LOOPBACK,
      pid: holder.pid,
      started: false,
    };
  // At its old address its workers find it again.
  const port = wishes.port ?? (before.url === undefined ? DEFAULT_PORT : Number(new URL(before.url).port));
  say('starting the head');
  const host = wishes.host ?? before.host ?? LOOPBACK;
  const bind = ['--host', host, ...(isLoopback(host) ? [] : ['--tls'])];
  const { pid, ready } = await startInBackground('head', folder, ['--port', String(port), ...bind], {
    env: {},
    startMs: START_MS,
  });
  return { ...headLine(ready), host, pid, started: true };
}

/** A head that has just been started by someone else may not have written its file yet. */
async function readyFile(folder: string, holder: Holder): Promise<HeadLine> {
  const until = performance.now() + START_MS;
  while (lives(holder) && performance.now() < until) {
    const file = readJson(join(folder, 'head.json'));
    if (file.pid === holder.pid) return headLine(file);
    await nap(50);
  }
  throw new Failure(`process ${holder.pid} holds ${folder} but does not serve`, {
    hint: 'its log lies there; "drover down" ends it',
  });
}

const headLine = (line: Readonly<Record<string, unknown>>): HeadLine => ({
  url: String(line.url),
  tokenFile: String(line.tokenFile),
  caFile: typeof line.caFile === 'string' ? line.caFile : null,
  herd: String(line.herd),
});

async function startWorkers(
  root: string,
  wanted: HerdFile,
  client: Client,
  ca: string | undefined,
  moved: boolean,
  say: (line: string) => void,
): Promise<Herd['workers']> {
  const count = Math.max(
    wanted.workers ?? 1,
    workerFolders(root).filter((folder) => holderOf(folder) !== null).length,
  );
  const folders = Array.from({ length: count }, (_, index) => workerFolder(root, index + 1));
  const strangers = folders.filter((folder) => workerIdIn(folder) === null).length;
  const joinToken =
    strangers === 0 ? undefined : (await client.joinTokens.create({ uses: strangers, ttlS: 600 })).token;
  const settled = await Promise.allSettled(
    folders.map(async (folder, index) => {
      const holder = holderOf(folder);
      const workerId = workerIdIn(folder);
      if (holder !== null && workerId !== null && !moved) {
        await client.workers.wait(workerId, { timeoutMs: START_MS });
        return { pid: holder.pid, workerId, started: false };
      }
      // It knows the head by an address that is no longer right. Its instances are not touched.
      if (holder !== null) await endProcess(holder);
      say(`starting worker ${index + 1}`);
      const args = ['--head', client.url, ...offerFlags(wanted, count, index)];
      const env: Record<string, string> = {
        ...(joinToken !== undefined && { DROVER_JOIN_TOKEN: joinToken }),
        ...(ca !== undefined && { DROVER_CA: ca }),
      };
      const { pid, ready } = await startInBackground('worker', folder, args, { env, startMs: START_MS });
      return { pid, workerId: String(ready.workerId), started: true };
    }),
  );
  return settled.map((one) => {
    if (one.status === 'rejected') throw one.reason;
    return one.value;
  });
}

/** Several workers on one machine share it out; its GPUs go to the first, unless each is told what to offer. */
function offerFlags({ cpus, memoryMiB, gpus }: HerdFile, count: number, index: number): string[] {
  const machineMiB =
    Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY) / 1024 ** 2;
  const cores = cpus ?? (count === 1 ? undefined : Math.max(1, Math.floor(availableParallelism() / count)));
  const memory = memoryMiB ?? (count === 1 ? undefined : Math.floor(machineMiB / count));
  const devices = gpus ?? (index === 0 ? undefined : 'none');
  return [
    ...(cores === undefined ? [] : ['--cpus', String(cores)]),
    ...(memory === undefined ? [] : ['--memory', `${memory}MiB`]),
    ...(devices === undefined ? [] : ['--gpus', devices]),
  ];
}

/** One `up` or `down` at a time; a lock of a process that is gone, or older than a start can take, is taken over. */
export async function lockHerd(root: string): Promise<() => void> {
  const path = join(root, 'up.lock');
  const until = performance.now() + 2 * START_MS;
  for (;;) {
    try {
      writeFileSync(path, `${process.pid}\n`, { flag: 'wx', mode: 0o600 });
      return () => rmSync(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    if (isStale(path)) rmSync(path, { force: true });
    else if (performance.now() > until) {
      throw new Failure(
        `another "drover up" or "drover down" is at work (process ${readText(path)?.trim()})`,
      );
    } else await nap(50);
  }
}

function isStale(path: string): boolean {
  try {
    process.kill(Number(readText(path) ?? 0) || -1, 0);
    return Date.now() - statSync(path).mtimeMs > 10 * START_MS;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'EPERM';
  }
}
