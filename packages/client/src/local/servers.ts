/** One head and one worker as child processes: their arguments and what they print. */
import { mkdirSync } from 'node:fs';
import { chmod, mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { DroverError } from '@drover/core';
import { type Program, type ProgramOptions, startProgram } from './program.ts';

/** A head that serves. */
export interface RunningHead {
  readonly program: Program;
  readonly url: string;
  /** Its admin token. */
  readonly token: string;
}

/** A worker that the head shows as ONLINE. */
export interface RunningWorker {
  readonly program: Program;
  readonly id: string;
}

/** What both take. `state` is the program's own folder. */
type Common = Omit<ProgramOptions, 'args'> & { readonly state: string };

/** What a worker offers; absent: what the machine has. */
export interface Offered {
  readonly cpus?: number | undefined;
  readonly memoryMiB?: number | undefined;
  readonly gpus?: number | undefined;
}

/** A fresh folder that only this user can read. */
export async function makeFolder(prefix: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), prefix));
  await chmod(folder, 0o700);
  return folder;
}

/** Starts a head. Port 0: a free one. @throws {DroverError} INTERNAL with the end of its log, TIMEOUT */
export async function startHead(options: Common & { readonly port: number }): Promise<RunningHead> {
  mkdirSync(options.state, { recursive: true, mode: 0o700 });
  const args = ['head', '--state', options.state, '--port', String(options.port), '--json'];
  // On loopback, for this process: a setting that is meant for a head of many would cut it off from its own.
  const env = { DROVER_TLS: 'false', ...options.env };
  const program = await startProgram({ ...options, args, env });
  const url = textOf(program, 'url', 'head');
  const tokenFile = textOf(program, 'tokenFile', 'head');
  const path = isAbsolute(tokenFile) ? tokenFile : join(options.state, tokenFile);
  return { program, url, token: (await readFile(path, 'utf8')).trim() };
}

/** Starts a worker that joins with a join token. @throws {DroverError} INTERNAL with the end of its log, TIMEOUT */
export async function startWorker(
  options: Common & { readonly url: string; readonly joinToken: string; readonly offer: Offered },
): Promise<RunningWorker> {
  mkdirSync(options.state, { recursive: true, mode: 0o700 });
  const { cpus, memoryMiB, gpus } = options.offer;
  const args = [
    ...['worker', '--state', options.state, '--head', options.url, '--json'],
    ...(cpus === undefined ? [] : ['--cpus', String(cpus)]),
    ...(memoryMiB === undefined ? [] : ['--memory', `${memoryMiB}MiB`]),
    ...(gpus === undefined ? [] : ['--gpus', String(gpus)]),
  ];
  // Not as a flag: every user of the machine can read command lines.
  const env = { ...options.env, DROVER_JOIN_TOKEN: options.joinToken };
  const program = await startProgram({ ...options, args, env });
  return { program, id: textOf(program, 'workerId', 'worker') };
}

function textOf(program: Program, key: string, verb: string): string {
  const value = program.ready[key];
  if (typeof value === 'string') return value;
  const message = `"drover ${verb} --json" printed no ${key}: ${JSON.stringify(program.ready).slice(0, 200)}`;
  throw new DroverError('INTERNAL', {}, { message });
}
