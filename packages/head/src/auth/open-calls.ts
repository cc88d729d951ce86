/**
 * Calls that are under way: streams, long polls, bodies that are still coming. Who was let in is judged again when its
 * token, user, project or identity has changed, and when its token expires; what would not be let in now, ends.
 */
import { isAtLeast, type Role } from '@drover/core';
import { type Actor, type Engine, workerActor } from '@drover/engine';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Access, Caller, Guard } from './guard.ts';

/** What these need of the engine. */
export type JudgedState = Pick<Engine['state'], 'subscribe' | 'tables'>;
type Change = Parameters<Parameters<JudgedState['subscribe']>[0]>[0]['changes'][number];

/** The next end of a token is looked for at least so often: a timer cannot wait for 90 days, and a clock can be set. */
const MOST_WAIT_MS = 60_000;

interface OpenCall {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly access: Access;
  readonly caller: Caller;
  /** The projects that it has come into, and what it was let do there. */
  readonly reach: Map<string, Role>;
  /** What it has to be let do in one project at least; null: it is about those that it has come into. */
  some: Role | null;
}

export class OpenCalls {
  readonly #guard: Pick<Guard, 'identify' | 'admit' | 'within' | 'somewhere'>;
  readonly #state: JudgedState;
  readonly #nowMs: () => number;
  readonly #open = new Map<FastifyRequest, OpenCall>();
  #timer: NodeJS.Timeout | null = null;
  #dueMs = Number.POSITIVE_INFINITY;

  /** @param nowMs wall time, against which tokens expire */
  constructor(
    state: JudgedState,
    guard: Pick<Guard, 'identify' | 'admit' | 'within' | 'somewhere'>,
    nowMs: () => number = () => Date.now(),
  ) {
    this.#state = state;
    this.#guard = guard;
    this.#nowMs = nowMs;
    state.subscribe(({ changes }) => this.#changed(changes));
  }

  /** Remembers a call that was let in, until it is over. */
  add(request: FastifyRequest, reply: FastifyReply, access: Access, caller: Caller): void {
    const { project, role } = caller.actor;
    const reach = new Map(role === undefined ? [] : [[project, role]]);
    this.#open.set(request, { request, reply, access, caller, reach, some: null });
    reply.raw.once('close', () => this.#open.delete(request));
    const expiresMs = caller.bearer?.token.expiresMs ?? null;
    if (expiresMs !== null) this.#wakeAt(expiresMs);
  }

  /** The call has come into another project too. */
  reached(request: FastifyRequest, project: string, role: Role): void {
    this.#open.get(request)?.reach.set(project, role);
  }

  /** The call belongs to no project: it goes on as long as its caller may so much in any. */
  reachedSome(request: FastifyRequest, role: Role): void {
    const call = this.#open.get(request);
    if (call) call.some = role;
  }

  #changed(changes: readonly Change[]): void {
    const touched = new Set<OpenCall>();
    for (const change of changes) {
      const isTouched = touches(change);
      if (isTouched === null) continue;
      for (const call of this.#open.values()) if (isTouched(call)) touched.add(call);
    }
    if (touched.size === 0) return;
    // What waited for this very change, as the call that revokes its own token, has its answer first.
    setImmediate(() => {
      for (const call of touched) this.#judge(call);
    });
  }

  #judge({ request, reply, access, caller, reach, some }: OpenCall): void {
    if (!this.#open.has(request)) return;
    if (caller.actor.kind === 'worker') {
      // By its row: a secret that was renewed meanwhile is another one, and no reason to end what goes on.
      if (!this.#isValid(caller.actor)) end(reply, null);
      return;
    }
    try {
      const known = this.#guard.identify(request.raw, access, request.id);
      const now = this.#guard.admit(request.raw, known, access);
      if (some !== null) this.#guard.somewhere(now, some);
      for (const [project, role] of reach) {
        const left = this.#guard.within(now, project, 'viewer').role ?? 'viewer';
        // It goes on with what it was given at its start: whoever may less begins anew.
        if (!isAtLeast(left, role)) end(reply, null);
      }
    } catch (error) {
      end(reply, error as Error);
    }
  }

  #isValid(worker: Actor): boolean {
    const id = worker.name.slice(workerActor('').name.length);
    return this.#state.tables.identities.get(id)?.status === 'VALID';
  }

  #wakeAt(expiresMs: number): void {
    const now = this.#nowMs();
    const dueMs = Math.min(expiresMs, now + MOST_WAIT_MS);
    if (this.#timer !== null && this.#dueMs <= dueMs) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#dueMs = dueMs;
    this.#timer = setTimeout(() => this.#expire(), Math.max(1, dueMs - now)).unref();
  }

  #expire(): void {
    this.#timer = null;
    const now = this.#nowMs();
    let next = Number.POSITIVE_INFINITY;
    for (const call of [...this.#open.values()]) {
      const expiresMs = call.caller.bearer?.token.expiresMs ?? Number.POSITIVE_INFINITY;
      if (expiresMs <= now) this.#judge(call);
      else next = Math.min(next, expiresMs);
    }
    if (next < Number.POSITIVE_INFINITY) this.#wakeAt(next);
  }
}

/** Which calls a change may be about; null: none. */
function touches({ collection, id, before, after }: Change): ((call: OpenCall) => boolean) | null {
  switch (collection) {
    case 'tokens':
      return ({ caller }) => caller.bearer?.token.id === id;
    case 'users':
      return ({ caller }) => caller.bearer?.user.id === id;
    case 'projects': {
      const name = (after ?? before)?.name ?? '';
      return ({ reach, some }) => some !== null || reach.has(name);
    }
    case 'identities': {
      const { name } = workerActor(id);
      return ({ caller }) => caller.actor.name === name;
    }
    default:
      return null;
  }
}

/** Answers with the refusal where nothing was said yet; else, or where there is none to tell, cuts the call off. */
function end(reply: FastifyReply, refusal: Error | null): void {
  const { raw } = reply;
  if (raw.destroyed || raw.writableEnded) return;
  if (refusal === null || reply.sent || raw.headersSent) raw.destroy();
  // Whatever of a body is still to come is nobody's.
  else void reply.header('connection', 'close').send(refusal);
}
