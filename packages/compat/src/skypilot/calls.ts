/**
 * Calls that only read. To the clients each is a request of its own, with an id under which its answer is fetched; here
 * nothing of it is worth a row, so they are kept in memory: for a while, and within a limit of bytes.
 */
import { randomUUID } from 'node:crypto';
import { DroverError } from '@drover/core';
import type { Actor } from '@drover/engine';
import { type ErrorFact, errorFactOf } from './facts.ts';

const KEEP_MS = 15 * 60_000;
const MOST_CALLS = 20_000;
/** Of an id, and of what may stand for one. */
const ID_CHARS = 36;
const FEWEST_CHARS = 3;
const MOST_CHARS = 64 * 1024 * 1024;

/** What a call came to. */
export type Outcome = { readonly value: string } | { readonly error: ErrorFact };

/** An answer, and what its stream says before it. */
export interface Answer {
  readonly value: unknown;
  readonly log?: string;
}

/** One of them. Times are Unix milliseconds. */
export class Call {
  readonly id: string = randomUUID();
  /** `status`, `jobs.queue_v2`: picks the reader of the answer in the client. */
  readonly verb: string;
  readonly user: { readonly id: string; readonly name: string };
  readonly project: string;
  readonly cluster: string | null;
  readonly createdMs = Date.now();
  endedMs: number | null = null;
  log = '';
  /** Null until it has ended. */
  outcome: Outcome | null = null;
  /** Resolves when it has ended. */
  readonly ended: Promise<Outcome>;

  constructor(verb: string, actor: Actor, cluster: string | null, work: () => Promise<Answer>) {
    this.verb = verb;
    this.user = actor.user ?? { id: actor.name, name: actor.name };
    this.project = actor.project;
    this.cluster = cluster;
    this.ended = this.#run(work);
  }

  async #run(work: () => Promise<Answer>): Promise<Outcome> {
    try {
      const { value, log } = await work();
      this.log = log ?? '';
      this.outcome = { value: JSON.stringify(value ?? null) };
    } catch (error) {
      this.outcome = { error: errorFactOf(error) };
    }
    this.endedMs = Date.now();
    return this.outcome;
  }

  get chars(): number {
    const { outcome, log } = this;
    return 500 + log.length + (outcome && 'value' in outcome ? outcome.value.length : 0);
  }
}

export class Calls {
  /** Oldest first. */
  readonly #calls = new Map<string, Call>();
  #chars = 0;

  /** Begins a call; it ends by itself. */
  start(verb: string, actor: Actor, cluster: string | null, work: () => Promise<Answer>): Call {
    this.#forget();
    const call = new Call(verb, actor, cluster, work);
    this.#calls.set(call.id, call);
    void call.ended.then(() => {
      if (this.#calls.has(call.id)) this.#chars += call.chars;
    });
    return call;
  }

  /** Of these projects, by id or its beginning. @throws {DroverError} AMBIGUOUS */
  find(projects: ReadonlySet<string>, ref: string): Call | undefined {
    const exact = this.#calls.get(ref);
    if (exact && projects.has(exact.project)) return exact;
    if (ref.length < FEWEST_CHARS || ref.length >= ID_CHARS) return undefined;
    const matches = [...this.#calls.values()]
      .filter((call) => projects.has(call.project) && call.id.startsWith(ref))
      .map(({ id }) => id);
    if (matches.length > 1)
      throw new DroverError('AMBIGUOUS', { ref, matches: matches.slice(0, 5).join(', ') });
    return this.#calls.get(matches[0] ?? '');
  }

  /** Of these projects, newest first. */
  list(projects: ReadonlySet<string>): Call[] {
    return [...this.#calls.values()].filter((call) => projects.has(call.project)).reverse();
  }

  /** The oldest that have ended go: those of long ago, and what is over the limits. */
  #forget(): void {
    const since = Date.now() - KEEP_MS;
    for (const call of this.#calls.values()) {
      const isOver = this.#calls.size > MOST_CALLS || this.#chars > MOST_CHARS;
      if (!isOver && call.createdMs > since) return;
      if (call.outcome === null) continue;
      this.#calls.delete(call.id);
      this.#chars -= call.chars;
    }
  }
}
