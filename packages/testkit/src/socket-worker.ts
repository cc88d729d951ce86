/**
 * A worker that is real up to its machine: the real agent on the real link to a real head, in real time, with processes
 * that are entries of a table. A thousand of them fit into one process.
 */
import { Agent, type Logger, type Memory } from '@drover/worker/agent';
import { logDialer, openControlLink } from '@drover/worker/link';
import { FakeDisk, FakeMachine } from './fake-machine.ts';
import { sampleOffer } from './sample-offer.ts';

export interface SocketWorkerOptions {
  readonly headUrl: string;
  readonly workerId: string;
  readonly token: string;
  readonly herd: string;
  readonly cpu: number;
  readonly log: Logger;
}

export interface SocketWorker {
  readonly workerId: string;
  readonly disk: FakeDisk;
  /** Resolves when the head has welcomed it. */
  readonly online: Promise<void>;
  /** Lets go of the link, as a process that ends. What runs, runs on. */
  close(): void;
}

const clock = {
  wallMs: () => Date.now(),
  monoMs: () => performance.now(),
  after(delayMs: number, fn: () => void) {
    const timer = setTimeout(fn, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
  defer: (fn: () => void) => void setImmediate(fn),
};

export async function startSocketWorker(options: SocketWorkerOptions): Promise<SocketWorker> {
  const head = { url: options.headUrl, ca: null };
  const { workerId, token, herd, cpu, log } = options;
  const disk = new FakeDisk();
  const physical = { cpu, memoryMiB: 10_000_000, diskMiB: 10_000_000, gpus: 0, ports: 1_000 };
  let memory: Memory = { herd, epoch: 0, rev: 0 };
  const agent = new Agent(
    {
      clock,
      machine: new FakeMachine(disk, clock, { dead: false }),
      log,
      toBase64: (bytes) => Buffer.from(bytes).toString('base64'),
      remember: async (now) => {
        memory = now;
      },
      noteContact: () => undefined,
      dialLog: logDialer(head, { token }),
    },
    {
      session: crypto.randomUUID(),
      bootId: 'simulated',
      offer: sampleOffer(physical),
      memory,
      contactMs: null,
    },
  );
  await agent.start();
  const link = openControlLink({
    head,
    secret: { token },
    agent,
    log,
    onRefused: (why) => log.error({}, why),
  });
  return { workerId, disk, online: agent.welcomed, close: () => link.close() };
}
