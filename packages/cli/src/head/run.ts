import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { isLoopback } from '@drover/core';
import type { Call } from '../call.ts';
import { Failure, UsageError } from '../errors.ts';
import { headFolder } from '../settings/state.ts';
import { quote } from '../text/shell.ts';
import { surviveClosedPipe } from '../text/terminal.ts';
import { unknownVerb } from '../worker/run.ts';
import { checkLogLevel } from './log-level.ts';
import { checkStore } from './store.ts';
import { checkTls, type TlsFlags } from './tls.ts';

/** The flags of `drover head`. */
export interface HeadFlags extends TlsFlags {
  readonly json?: boolean;
  readonly state?: string;
  readonly store?: string;
  readonly host?: string;
  readonly port?: number;
  readonly alsoListen?: number;
  readonly insecureBind?: boolean;
  readonly allowHost?: readonly string[];
  readonly allowOutbound?: readonly string[];
  readonly trustLoopback?: boolean;
  readonly pyletAccounting?: string;
  readonly ping?: number;
  readonly suspectAfter?: number;
  readonly offlineAfter?: number;
  readonly sshPools?: string;
  readonly fakeInfra?: string;
  readonly advertiseUrl?: string;
  readonly localForUsers?: boolean;
  readonly unknownMachines?: string;
  readonly traces?: boolean;
  readonly logLevel?: string;
}

/** The port of a head when nothing is said. */
export const DEFAULT_PORT = 3768;

/** `drover head`: one head in the foreground. Says on standard output when it serves. */
export async function runHead(call: Call): Promise<number> {
  const flags = call.command.opts<HeadFlags>();
  const { terminal, args } = call;
  if (args[0] !== undefined) throw unknownVerb('head', args[0], ['status', 'backup', 'restore', 'install']);
  const { host, isOpen, ...checked } = checkHeadFlags(flags);
  if (isOpen)
    terminal.say(
      `drover: listening on ${host} without TLS (--insecure-bind): tokens and data travel readable`,
    );
  surviveClosedPipe();
  const port = flags.port ?? DEFAULT_PORT;
  const serving = call.hooks.runHead({
    state: resolve(flags.state || headFolder(call.env)),
    ...checked,
    host,
    port,
    alsoListen: flags.alsoListen ?? null,
    tlsNames: flags.tlsName ?? [],
    allowHosts: flags.allowHost ?? [],
    allowOutbound: flags.allowOutbound ?? [],
    trustLoopback: flags.trustLoopback ?? false,
    pyletAccounting: flags.pyletAccounting === 'LENIENT' ? 'lenient' : 'strict',
    ...(flags.ping !== undefined && { pingMs: flags.ping }),
    ...(flags.suspectAfter !== undefined && { leaseMs: flags.suspectAfter }),
    ...(flags.offlineAfter !== undefined && { offlineMs: flags.offlineAfter }),
    localForUsers: flags.localForUsers ?? false,
    unknownMachines: flags.unknownMachines === 'REMOVE' ? 'remove' : 'report',
    traces: flags.traces ?? false,
    onReady(ready) {
      terminal.out(
        flags.json
          ? JSON.stringify(ready)
          : [
              `head ${ready.herd} serves at ${ready.url}`,
              `its admin token lies in ${ready.tokenFile}`,
              // Elsewhere than where it is looked for.
              ...(flags.state ? [`call it with: export DROVER_STATE=${quote(resolve(flags.state))}`] : []),
            ].join('\n'),
      );
    },
  });
  return await serving.catch((error: unknown) => {
    throw portFailure(error) ?? error;
  });
}

/**
 * Those that must fit: what a head would refuse at its start.
 * @returns them as the head takes them; `isOpen`: it can be reached from elsewhere, without TLS
 * @throws {UsageError}
 */
export function checkHeadFlags(flags: HeadFlags) {
  const host = flags.host ?? '127.0.0.1';
  const tls = checkTls(flags);
  const isOpen = tls === null && !isLoopback(host);
  if (isOpen && !flags.insecureBind)
    throw new UsageError(
      `--host ${host} can be reached from other machines, and there is no TLS: tokens and data would travel readable`,
      'add --tls; or say --insecure-bind where you trust the network',
    );
  checkTimes(flags);
  return {
    host,
    tls,
    isOpen,
    store: checkStore(flags.store),
    sshPools: fileOf(flags.sshPools),
    fakeInfra: fileOf(flags.fakeInfra),
    advertiseUrl: checkUrl(flags.advertiseUrl),
    logLevel: checkLogLevel(flags.logLevel),
  };
}

function portFailure(error: unknown): Failure | null {
  const { code, port } = error as NodeJS.ErrnoException & { port?: number };
  if (code !== 'EADDRINUSE' && code !== 'EACCES') return null;
  if (port === undefined) return null;
  const why = code === 'EADDRINUSE' ? 'is in use' : 'may not be used by this user';
  return new Failure(`port ${port} ${why}`, {
    hint: 'choose another with --port; 0 takes a free one',
    cause: error,
  });
}

/** Named on purpose, so it has to be there. */
function fileOf(path: string | undefined): string | null {
  if (path === undefined) return null;
  if (!existsSync(path)) throw new UsageError(`there is no file ${path}`);
  return resolve(path);
}

function checkUrl(text: string | undefined): string | null {
  if (text === undefined) return null;
  // Not repeated: a password may stand before the @, and this address is told to every worker.
  if (!/^https?:\/\/[^/@]+(?:\/[^@]*)?$/.test(text))
    throw new UsageError('--advertise-url: expected http://HOST:PORT or https://HOST, without a user name');
  return text.replace(/(?<!\/)\/+$/, '');
}

function checkTimes({ ping, suspectAfter, offlineAfter }: HeadFlags): void {
  if (ping !== undefined && suspectAfter !== undefined && suspectAfter <= ping)
    throw new UsageError('--suspect-after must be longer than --ping');
  if (suspectAfter !== undefined && offlineAfter !== undefined && offlineAfter < suspectAfter)
    throw new UsageError('--offline-after must not be shorter than --suspect-after');
}
