import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Client, isDroverError } from '@drover/client';
import type { FoundHead } from '@drover/client/local';
import type { Call, ClientFlags } from '../call.ts';
import { clientOf, locateHead } from '../connect.ts';
import { exitCodeOf, Failure, UsageError } from '../errors.ts';
import { checkLogLevel } from '../head/log-level.ts';
import { stateRoot } from '../settings/state.ts';
import { surviveClosedPipe } from '../text/terminal.ts';
import { nearest } from '../values/nearest.ts';

/** The flags of `drover worker`. */
export interface WorkerFlags extends ClientFlags {
  readonly state?: string;
  readonly joinToken?: string;
  readonly name?: string;
  readonly pool?: string;
  readonly advertise?: string;
  readonly cpus?: number;
  readonly memory?: number;
  readonly disk?: number;
  readonly gpus?: string;
  readonly ports?: number;
  readonly overcommitCpu?: number;
  readonly overcommitMemory?: number;
  readonly cleanEnv?: boolean;
  readonly logLevel?: string;
}

/** `drover worker`: one worker in the foreground. Says on standard output when the head shows it ONLINE. */
export async function runWorker(call: Call): Promise<number> {
  const flags = call.command.opts<WorkerFlags>();
  const { terminal, env, args } = call;
  if (args[0] !== undefined)
    throw unknownVerb('worker', args[0], ['list', 'show', 'delete', 'revoke', 'install']);
  const state = resolve(flags.state || join(stateRoot(env), 'worker'));
  checkWorkerFlags(flags);
  const head = await locateHead(flags, env);
  surviveClosedPipe();
  const ended = call.hooks.runWorker({
    state,
    head: head.url,
    ca: head.ca ?? null,
    joinToken: flags.joinToken ?? (await ownJoinToken(state, head, flags.pool)),
    name: flags.name ?? null,
    advertise: flags.advertise ?? null,
    cpus: flags.cpus ?? null,
    memoryMiB: flags.memory ?? null,
    diskMiB: flags.disk ?? null,
    gpus: flags.gpus ?? null,
    ports: flags.ports ?? null,
    overcommitCpu: flags.overcommitCpu ?? 1,
    overcommitMemory: flags.overcommitMemory ?? 1,
    cleanEnv: flags.cleanEnv ?? false,
    logLevel: checkLogLevel(flags.logLevel),
    onReady(ready) {
      terminal.out(flags.json ? JSON.stringify(ready) : `worker ${ready.workerId} is ONLINE at ${head.url}`);
    },
  });
  return await ended.catch((error: unknown) => {
    if (!isDroverError(error) || error.code !== 'FORBIDDEN') throw error;
    throw new Failure(error.message, {
      exitCode: exitCodeOf(error),
      hint: `to join anew as another worker: a join token, and another --state than ${state}`,
      cause: error,
    });
  });
}

/** Those that must fit: what a worker would refuse at its start. @throws {UsageError}, {DroverError} INVALID_REQUEST */
export function checkWorkerFlags({ pool, joinToken, head, logLevel }: WorkerFlags): void {
  if (pool !== undefined && joinToken !== undefined)
    throw new UsageError(
      'the pool of a worker is that of its join token: leave out --pool, or make a token with "drover join-token create --pool"',
    );
  // Constructing a client checks the address.
  if (head !== undefined) new Client({ url: head });
  checkLogLevel(logLevel);
}

/** Who may make join tokens needs none to be given: null where there is an identity already, or no right. */
async function ownJoinToken(state: string, head: FoundHead, pool?: string): Promise<string | null> {
  if (head.token === undefined || existsSync(join(state, 'identity.json'))) return null;
  const client = clientOf({ ...head, project: null }, 2000);
  return (await client.joinTokens.create({ uses: 1, ttlS: 600, ...(pool !== undefined && { pool }) })).token;
}

/** For the two nouns that run something when no verb follows. */
export function unknownVerb(noun: string, word: string, verbs: readonly string[]): UsageError {
  const near = nearest(word, verbs);
  return new UsageError(
    `unknown verb '${noun} ${word}'`,
    near === null ? `known: ${verbs.join(', ')}` : `did you mean ${near}?`,
  );
}
