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

/** Who fetches calls, or lists them: what its projects have, and what was answered to that one alone. */
export interface Reader {
  readonly projects: ReadonlySet<string>;
  readonly asker: string;
}

/** What is said of a call at its beginning. */
export interface CallStart {
  /** `status`, `jobs.queue_v2`: picks the reader of the answer in the client. */
  readonly verb: string;
  readonly actor: Actor;
  readonly cluster: string | null;
  /** Nobody else may know the answer, as it depends on who asks; left out: whoever may look into the project may. */
  readonly onlyFor?: string;
}

/** One of them. Times are Unix milliseconds. */
export class Call {
  readonly id: string = randomUUID();
  readonly verb: string;
  readonly user: { readonly id: string; readonly name: string };
  readonly project: string;
  readonly cluster: string | null;
  readonly onlyFor: string | null;
  readonly createdMs = Date.now();
  endedMs: number | null = null;
  log = '';
  /** Null until it has ended. */
  outcome: Outcome | null = null;
  /** Resolves when it has ended. */
  readonly ended: Promise<Outcome>;

  constructor({ verb, actor, cluster, onlyFor }: CallStart, work: () => Promise<Answer>) {
    this.verb = verb;
    this.user = actor.user ?? { id: actor.name, name: actor.name };
    this.project = actor.project;
    this.cluster = cluster;
    this.onlyFor = onlyFor ?? null;
    this.ended = this.#run(work);
  }

  isFor({ projects, asker }: Reader): boolean {
    return projects.has(this.project) && (this.onlyFor === null || this.onlyFor === asker);
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
  start(said: CallStart, work: () => Promise<Answer>): Call {
    this.#forget();
    const call = new Call(said, work);
    this.#calls.set(call.id, call);
    void call.ended.then(() => {
      if (this.#calls.has(call.id)) this.#chars += call.chars;
    });
    return call;
  }

  /** By id or its beginning. @throws {DroverError} AMBIGUOUS */
  find(reader: Reader, ref: string): Call | undefined {
    const exact = this.#calls.get(ref);
    if (exact?.isFor(reader)) return exact;
    if (ref.length < FEWEST_CHARS || ref.length >= ID_CHARS) return undefined;
    const matches = [...this.#calls.values()]
      .filter((call) => call.id.startsWith(ref) && call.isFor(reader))
      .map(({ id }) => id);
    if (matches.length > 1)
      throw new DroverError('AMBIGUOUS', { ref, matches: matches.slice(0, 5).join(', ') });
    return this.#calls.get(matches[0] ?? '');
  }

  /** Newest first. */
  list(reader: Reader): Call[] {
    return [...this.#calls.values()].filter((call) => call.isFor(reader)).reverse();
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
