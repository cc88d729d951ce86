/** Asks for small commands of all kinds, as many clients would; cancels some. Every call carries its own key. */
import { fileURLToPath } from 'node:url';
import type { SeededRandom } from '@drover/testkit/seeded-random';
import type { Client, InstanceSubmitInput } from 'drover';
import type { Policy, Submitted } from '../checkers/facts.ts';
import type { Journal } from '../harness/journal.ts';
import { pause } from '../harness/shell.ts';

const COMMAND = fileURLToPath(new URL('command.sh', import.meta.url));
/** Most that may be open at once: what is more only waits. */
const MOST_OPEN = 40;
const CALLS_AT_ONCE = 6;
const LONGEST_TENTHS = 80;

export interface WorkloadOptions {
  readonly client: Client;
  readonly journal: Journal;
  readonly random: SeededRandom;
  readonly witness: string;
  readonly gapMs: number;
}

type Extra = { readonly onWorkerLost?: Policy; readonly lostAfterMs?: number };

/** The argument list of one command of the workload. */
export const commandOf = (
  witness: string,
  nonce: string,
  of: { kind: string; tenths: number; code: number; lines: number },
): string[] => [
  'bash',
  COMMAND,
  witness,
  nonce,
  of.kind,
  String(of.tenths),
  String(of.code),
  String(of.lines),
];

export class Submitter {
  readonly submitted = new Map<string, Submitted>();
  readonly counts = { asked: 0, acknowledged: 0, refused: 0, cancels: 0 };
  /** Whether the head knows `onWorkerLost`. */
  knowsPolicies = false;
  readonly #options: WorkloadOptions;
  readonly #underWay = new Set<Promise<void>>();
  readonly #isOpen: (id: string) => boolean;
  #stopped = false;

  constructor(options: WorkloadOptions, isOpen: (id: string) => boolean) {
    this.#options = options;
    this.#isOpen = isOpen;
  }

  /** Asks once with the newer field, to learn whether this head has it. */
  async learn(): Promise<void> {
    const { client, witness } = this.#options;
    const command = commandOf(witness, 'learn', { kind: 'plain', tenths: 0, code: 0, lines: 1 });
    const body = { command, resources: { cpu: 0.1, memoryMiB: 64 }, onWorkerLost: 'wait' };
    try {
      await client.instances.submit(body as InstanceSubmitInput, { idempotencyKey: 'learn' });
      this.knowsPolicies = true;
    } catch (error) {
      if ((error as { code?: string }).code !== 'INVALID_REQUEST') throw error;
    }
  }

  /** Goes on until `stop`. */
  async run(): Promise<void> {
    const { random, gapMs } = this.#options;
    while (!this.#stopped) {
      await pause(gapMs * (0.5 + random.float()));
      const open = [...this.submitted.keys()].filter(this.#isOpen).length;
      if (open >= MOST_OPEN || this.#underWay.size >= CALLS_AT_ONCE) continue;
      this.#start(this.#submit());
      if (random.chance(0.12)) this.#start(this.#cancelOne());
    }
  }

  /** No more calls; waits for those under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#underWay);
  }

  /** One command that ends at once, to see that the herd works. @returns its id */
  async probe(): Promise<string> {
    const kind = { kind: 'plain', tenths: 0, code: 0, lines: 1 };
    return await this.#send(`probe-${this.#options.random.uuid()}`, kind, 'wait', 1_000);
  }

  #start(work: Promise<void>): void {
    this.#underWay.add(work);
    void work.finally(() => this.#underWay.delete(work));
  }

  async #submit(): Promise<void> {
    const { random, journal } = this.#options;
    const kind = random.pick(['plain', 'plain', 'plain', 'failing', 'stubborn', 'daemon', 'crash', 'chatty']);
    const tenths = random.int(LONGEST_TENTHS);
    const code = kind === 'crash' ? 137 : kind === 'failing' ? 1 + random.int(100) : 0;
    const lines = kind === 'chatty' ? 400 : 1 + random.int(12);
    const policy = this.knowsPolicies ? random.pick<Policy>(['wait', 'wait', 'replace', 'stop']) : 'wait';
    const nonce = `n-${random.uuid()}`;
    try {
      await this.#send(nonce, { kind, tenths, code, lines }, policy, 0);
    } catch (error) {
      this.counts.refused += 1;
      journal.write('submit refused', { nonce, error: String(error) });
    }
  }

  async #send(nonce: string, of: Kind, policy: Policy, priority: number): Promise<string> {
    const { client, random, witness } = this.#options;
    const extra: Extra = this.knowsPolicies ? lostPolicy(policy) : {};
    const body: InstanceSubmitInput & Extra = {
      command: commandOf(witness, nonce, of),
      labels: { nonce, kind: of.kind },
      resources: { cpu: random.pick([0.25, 0.5, 1]), memoryMiB: 64 },
      graceMs: of.kind === 'stubborn' ? 700 : 3_000,
      priority,
      ...extra,
    };
    this.counts.asked += 1;
    const { id } = await client.instances.submit(body, { idempotencyKey: nonce });
    this.counts.acknowledged += 1;
    const { kind, code, lines } = of;
    this.submitted.set(id, { id, nonce, kind, code, lines, policy, cancelledAtMs: null });
    return id;
  }

  async #cancelOne(): Promise<void> {
    const { random, client, journal } = this.#options;
    const ids = [...this.submitted.values()].filter(
      (one) => this.#isOpen(one.id) && one.cancelledAtMs === null,
    );
    if (ids.length === 0) return;
    const one = random.pick(ids);
    // Before the call: it may be carried out although its reply is lost.
    one.cancelledAtMs = journal.nowMs();
    this.counts.cancels += 1;
    await client.instances.cancel(one.id).catch((error: { code?: string }) => {
      if (error.code !== 'ALREADY_FINAL')
        journal.write('cancel failed', { id: one.id, error: String(error) });
    });
  }
}

/** Soon enough to be met within a run. */
const LOST_AFTER_MS = 6_000;

export const lostPolicy = (policy: Policy): Extra =>
  policy === 'wait' ? { onWorkerLost: policy } : { onWorkerLost: policy, lostAfterMs: LOST_AFTER_MS };

interface Kind {
  readonly kind: string;
  readonly tenths: number;
  readonly code: number;
  readonly lines: number;
}
