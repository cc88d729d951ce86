/** Requests: made with the wish that they wait for, in one transaction; settled by what becomes of it. */
import {
  DroverError,
  isDroverError,
  isRequestFinal,
  type JobId,
  nextRequestStatus,
  type RequestEvent,
  type RequestId,
} from '@drover/core';
import type { ErrorFact, Reason } from '@drover/core/wire';
import { type Actor, userOf } from '../actor.ts';
import type { Ports } from '../ports.ts';
import type { ProjectService } from '../projects/service.ts';
import type { State } from '../state/state.ts';
import type { Transaction } from '../state/transaction.ts';
import type { LogLine, RequestRow } from './row.ts';

/** Requests that have not ended, over all users; and the share of them that one user may have. */
const MOST_OPEN = 20_000;
const MOST_OPEN_PER_USER = 12_000;
/** Lines kept per request, each at most this long. */
const MOST_LINES = 400;
/** Beyond so many no further try to find nodes is told: there has to be room for what comes when they are found. */
const TRIES_LINES = 300;
const LINE_CHARS = 2_000;

export interface RequestWish {
  readonly verb: string;
  readonly clusterId?: string | null;
  readonly cluster?: string | null;
  readonly generation?: number | null;
  readonly job?: JobId | null;
  readonly foreign?: Readonly<Record<string, unknown>> | null;
  readonly id?: string | undefined;
  readonly digest?: string | undefined;
}

export class RequestService {
  readonly #state: State;
  readonly #ports: Ports;
  readonly #open = new Map<string, number>();
  #openAll = 0;
  readonly #projects: ProjectService;

  constructor(state: State, ports: Ports, projects: ProjectService) {
    this.#projects = projects;
    this.#state = state;
    this.#ports = ports;
    for (const row of state.tables.requests.all()) this.#count(row, 1);
    state.onChange((change) => {
      if (change.collection !== 'requests') return;
      this.#count(change.before as RequestRow | undefined, -1);
      this.#count(change.after as RequestRow | undefined, 1);
    });
  }

  #count(row: RequestRow | undefined, by: number): void {
    if (!row || isRequestFinal(row.status)) return;
    this.#openAll += by;
    const mine = (this.#open.get(row.user.id) ?? 0) + by;
    if (mine === 0) this.#open.delete(row.user.id);
    else this.#open.set(row.user.id, mine);
  }

  /**
   * @param ends what gives room to others is not held up by a quota
   * @throws {DroverError} TOO_MANY_REQUESTS, QUOTA_EXCEEDED before anything is written
   */
  assertRoom(actor: Actor, { ends = false }: { readonly ends?: boolean } = {}): void {
    if (!ends) this.#projects.assertRoom(actor.project, { requests: 1 });
    if (this.#openAll >= MOST_OPEN)
      throw new DroverError('TOO_MANY_REQUESTS', { limit: MOST_OPEN, what: 'open requests' });
    if ((this.#open.get(userOf(actor).id) ?? 0) >= MOST_OPEN_PER_USER)
      throw new DroverError('TOO_MANY_REQUESTS', {
        limit: MOST_OPEN_PER_USER,
        what: `open requests of ${userOf(actor).name}`,
      });
  }

  /** The request of this id, when the same call was made before. @throws {DroverError} IDEMPOTENCY_CONFLICT */
  earlier(actor: Actor, id: string, verb: string): RequestRow | undefined {
    const row = this.#state.tables.requests.get(id);
    if (!row) return undefined;
    if (row.project !== actor.project || row.user.id !== userOf(actor).id)
      throw new DroverError('IDEMPOTENCY_CONFLICT', { differs: 'the caller' });
    if (row.verb !== verb) throw new DroverError('IDEMPOTENCY_CONFLICT', { differs: 'the call' });
    return row;
  }

  /** Writes a request that waits. */
  open(tx: Transaction, actor: Actor, wish: RequestWish): RequestRow {
    const row = this.#put(tx, actor, wish);
    tx.event({ noun: 'requests', subject: row.id, name: row.cluster, type: row.verb, to: row.status });
    return row;
  }

  #put(tx: Transaction, actor: Actor, wish: RequestWish): RequestRow {
    const id = (wish.id ?? this.#ports.random.uuid()) as RequestId;
    tx.put('requests', {
      id,
      project: actor.project,
      name: null,
      status: 'PENDING',
      owner: wish.clusterId ? `clusters/${wish.clusterId}` : null,
      verb: wish.verb,
      cluster: wish.cluster ?? null,
      generation: wish.generation ?? null,
      job: wish.job ?? null,
      user: userOf(actor),
      createdMs: this.#ports.clock.wallMs(),
      startedMs: null,
      endedMs: null,
      result: null,
      error: null,
      reason: null,
      lines: [],
      digest: wish.digest,
      foreign: wish.foreign ?? null,
    });
    return tx.get('requests', id) as RequestRow;
  }

  /**
   * A short call as a request that has ended already: for clients to which every call is a request.
   * @param outcome its result, or the error that it threw
   */
  record(
    actor: Actor,
    wish: RequestWish,
    outcome: { result: unknown } | { error: unknown },
    lines: readonly LogLine[] = [],
  ): RequestRow {
    this.#state.assertWritable();
    return this.#state.transact(actor, (tx) => {
      const row = { ...this.#put(tx, actor, wish), lines };
      return 'result' in outcome
        ? settleRequest(tx, row, 'succeed', this.#ports.clock.wallMs(), { result: outcome.result })
        : settleRequest(tx, row, 'fail', this.#ports.clock.wallMs(), { error: errorFactOf(outcome.error) });
    });
  }
}

/** The one place where a request's status is written. */
export function settleRequest(
  tx: Transaction,
  row: RequestRow,
  event: RequestEvent,
  nowMs: number,
  patch: Partial<Pick<RequestRow, 'result' | 'error' | 'reason' | 'lines'>> = {},
): RequestRow {
  const status = nextRequestStatus(row.status, event);
  const next: RequestRow = {
    ...row,
    ...patch,
    status,
    startedMs: row.startedMs ?? nowMs,
    endedMs: isRequestFinal(status) ? nowMs : null,
  };
  tx.put('requests', next);
  tx.event({
    noun: 'requests',
    subject: row.id,
    name: row.cluster,
    type: event,
    from: row.status,
    to: status,
    reason: next.reason,
  });
  return tx.get('requests', row.id) as RequestRow;
}

/** The cluster's requests that have not ended, oldest first; those of this very transaction are not among them. */
export function openRequests(state: State, tx: Transaction, clusterId: string): RequestRow[] {
  const rows: RequestRow[] = [];
  for (const { id } of state.openRequests.of(`clusters/${clusterId}`)) {
    const row = tx.get('requests', id);
    if (row && !isRequestFinal(row.status)) rows.push(row);
  }
  return rows;
}

/** Adds lines to the log of every request that waits for this cluster, or of those that `meant` picks. */
export function say(
  state: State,
  tx: Transaction,
  clusterId: string,
  lines: readonly LogLine[],
  meant: (row: RequestRow) => boolean = () => true,
): void {
  for (const row of openRequests(state, tx, clusterId)) {
    if (!meant(row)) continue;
    const short = lines.map((line) => ('text' in line ? { text: line.text.slice(0, LINE_CHARS) } : line));
    // Those who follow count lines: over the limit the newest takes the place of the last.
    tx.put('requests', { ...row, lines: [...row.lines.slice(0, MOST_LINES - short.length), ...short] });
  }
}

/** For {@link say}: those that have not been told of very many tries already. */
export const whileNew = (row: RequestRow): boolean => row.lines.length < TRIES_LINES;

export function errorFactOf(error: unknown): ErrorFact {
  if (isDroverError(error))
    return { code: error.code, message: error.message, details: { ...error.details } };
  const message = error instanceof Error ? error.message : String(error);
  return { code: 'INTERNAL', message, details: {} };
}

export const errorOf = (fact: ErrorFact): DroverError =>
  new DroverError(fact.code as DroverError['code'], fact.details, { message: fact.message });

export const reasonOf = (fact: ErrorFact): Reason => ({ code: fact.code, message: fact.message });
