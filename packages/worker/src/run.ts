/** One worker: identity, machine, agent, link. */
import { randomUUID } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import type { Offer } from '@drover/core/wire';
import { Agent, type Logger } from './agent/index.ts';
import { headFiles, openHomes } from './files/index.ts';
import { noteContact, readContact, readIdentity, readMemory, trustedHead, writeMemory } from './identity.ts';
import { openControlLink } from './link/control-link.ts';
import { logDialer } from './link/log-dialer.ts';
import { bootId, createMachine } from './os/index.ts';
import { ownIdentity } from './own-identity.ts';
import { keepSecret } from './secret.ts';

export interface WorkerOptions {
  /** The state folder, held by the caller's lock. */
  readonly stateDir: string;
  readonly headUrl: string;
  /** The only authority that may have signed the head's certificate, see `parseCa`; null: as the identity says. */
  readonly ca: string | null;
  /** Ignored once there is an identity on disk. */
  readonly joinToken: string | null;
  readonly name: string | null;
  readonly offer: Omit<Offer, 'supervision'>;
  readonly shimPath: string;
  readonly cleanEnv: boolean;
  readonly log: Logger;
  /** The head refuses this worker for good. */
  readonly onRefused: (reason: string) => void;
}

export interface RunningWorker {
  readonly workerId: string;
  /** Resolves when the head shows this worker ONLINE. */
  readonly online: Promise<void>;
  /** Lets go of the link and the files. Touches no instance. */
  close(): Promise<void>;
}

/**
 * Keeps the heap small: the young generation at its present size, which else grows to tens of megabytes that stay
 * resident, and the old one near what lives in it. Every start of a process copies the page tables of all of it.
 */
function keepSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
  setFlagsFromString('--heap-growing-percent=30');
}

/** @throws {JoinRefused} when there is no identity and none can be had */
export async function startWorker(options: WorkerOptions): Promise<RunningWorker> {
  keepSmall();
  const { stateDir, headUrl, log } = options;
  const known = await readIdentity(stateDir);
  const head = trustedHead(stateDir, known, { url: headUrl, ca: options.ca }, () =>
    log.warn({ headUrl }, 'this worker was told another authority to trust; it trusts that one from now on'),
  );
  const identity = await ownIdentity(known, {
    stateDir,
    head,
    joinToken: options.joinToken,
    name: options.name,
    log,
  });
  const { workerId } = identity;
  const secret = keepSecret({ stateDir, head, identity, log });
  const boot = bootId();
  const machine = await createMachine({
    stateDir,
    workerId,
    shimPath: options.shimPath,
    cleanEnv: options.cleanEnv,
    logger: log,
  });
  const agent = new Agent(
    {
      clock: {
        wallMs: () => Date.now(),
        monoMs: () => Number(process.hrtime.bigint()) / 1e6,
        after(delayMs, fn) {
          const timer = setTimeout(fn, delayMs);
          return { cancel: () => clearTimeout(timer) };
        },
        defer: (fn) => void setImmediate(fn),
      },
      machine,
      homes: openHomes({ stateDir, bootId: boot, head: headFiles(head, secret), log }),
      log,
      toBase64: (bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64'),
      remember: async (memory) => writeMemory(stateDir, memory),
      noteContact: (monoMs) => noteContact(stateDir, boot, monoMs),
      dialLog: logDialer(head, secret),
    },
    {
      session: randomUUID(),
      bootId: boot,
      contactMs: await readContact(stateDir, boot),
      offer: { ...options.offer, supervision: machine.supervision, homes: true },
      memory: await readMemory(stateDir, identity, (movedTo) =>
        log.error({ movedTo }, 'a damaged head.json was set aside; which head was seen is learned anew'),
      ),
    },
  );
  await agent.start();
  const link = openControlLink({ head, secret, agent, log, onRefused: options.onRefused });
  return {
    workerId,
    online: agent.welcomed,
    async close() {
      secret.close();
      link.close();
      await machine.close();
    },
  };
}
