/**
 * Reading logs, wherever they are: with the worker while it is there, in the archive once the end is settled. A
 * follower does not notice the move from one to the other, nor a restart of the worker: it goes on at its offset.
 */
import { DroverError, isDroverError, isFinal } from '@drover/core';
import type { Actor } from '../actor.ts';
import type { InstanceReads } from '../instances/reads.ts';
import type { Ports } from '../ports.ts';
import type { InstanceRow } from '../state/rows.ts';
import type { Links } from '../workers/links.ts';
import { logKey } from './key.ts';
import type { Arrival, Streams } from './streams.ts';

export interface LogRequest {
  readonly offset?: number | undefined;
  readonly limit?: number | undefined;
  readonly tail?: number | undefined;
  readonly follow: boolean;
  readonly attempt?: number | undefined;
  /** When the reader goes away. */
  readonly abort: { readonly aborted: boolean; onAbort(fn: () => void): unknown };
}

/** What is being read at present. */
interface Reader {
  arrival: Arrival | null;
}

/** How long a follower waits before it looks again for a worker that is away. */
const AWAY_MS = 1_000;
/** How long a worker may take to come back to a head that has just started, and how often it is looked for. */
const RETURN_MS = 10_000;
const RETURN_PAUSE_MS = 100;
/** The first pause of a reader that got nothing new; it doubles. */
const FRUITLESS_MS = 2;
/** How often a reader that does not follow looks for the rest before it gives up. */
const PATIENCE = 10;

export class LogService {
  readonly #ports: Ports;
  readonly #reads: InstanceReads;
  readonly #links: Links;
  readonly #streams: Streams;

  constructor(ports: Ports, reads: InstanceReads, links: Links, streams: Streams) {
    this.#ports = ports;
    this.#reads = reads;
    this.#links = links;
    this.#streams = streams;
  }

  /**
   * Opens a log. The bytes are raw; the extent is that of the moment of opening.
   * @throws {DroverError} INSTANCE_NOT_FOUND, LOG_NOT_FOUND, LOG_UNAVAILABLE
   */
  async read(actor: Actor, ref: string, request: LogRequest): Promise<Arrival> {
    let row = await this.#reads.resolve(actor, ref);
    if (row.attempt === 0 && request.follow) row = await this.#started(row, request.abort);
    const attempt = request.attempt ?? row.attempt;
    if (attempt < 1 || attempt > row.attempt) {
      throw new DroverError('LOG_NOT_FOUND', {
        ref,
        rule: row.attempt === 0 ? 'it has not been started' : `attempts are 1 to ${row.attempt}`,
      });
    }
    const offset = await this.#offsetOf(row, attempt, request);
    const arrival = await this.#openSomewhere(row, attempt, offset, request);
    const reader: Reader = { arrival };
    // Before anybody reads: the reader may be gone already.
    request.abort.onAbort(() => reader.arrival?.cancel());
    if (request.abort.aborted) arrival.cancel();
    return { ...arrival, bytes: this.#whole(row.id, attempt, reader, arrival, request) };
  }

  /**
   * As {@link read}, but a worker that is not linked just now is waited for: the head may have started a moment ago, and
   * who follows is to miss nothing because of it.
   */
  async readWhenThere(actor: Actor, ref: string, request: LogRequest): Promise<Arrival> {
    const { clock } = this.#ports;
    const until = clock.monoMs() + RETURN_MS;
    for (;;) {
      try {
        return await this.read(actor, ref, request);
      } catch (error) {
        const mayCome = isDroverError(error) && error.code === 'LOG_UNAVAILABLE';
        if (!mayCome || !request.follow || request.abort.aborted || clock.monoMs() > until) throw error;
        await this.#pause(RETURN_PAUSE_MS);
      }
    }
  }

  /** Negative: from the end. No byte from the end is the end itself, which only a look at the log tells. */
  async #offsetOf(row: InstanceRow, attempt: number, request: LogRequest): Promise<number> {
    if (request.tail === undefined) return request.offset ?? 0;
    if (request.tail > 0) return -request.tail;
    const probe = await this.#openSomewhere(row, attempt, 0, { limit: 0, follow: false });
    for await (const _ of probe.bytes) break;
    return probe.size;
  }

  async #started(row: InstanceRow, abort: LogRequest['abort']): Promise<InstanceRow> {
    let now = row;
    while (now.attempt === 0 && now.endedMs === null && !abort.aborted)
      now = await this.#reads.wait(row.id, 'running', 30_000, abort);
    return now;
  }

  /** A log may move from its worker to the archive while it is being asked for: then it is asked for once more. */
  async #openSomewhere(
    row: InstanceRow,
    attempt: number,
    offset: number,
    range: Pick<LogRequest, 'limit' | 'follow'>,
  ): Promise<Arrival> {
    try {
      return await this.#open(row, attempt, offset, range);
    } catch (error) {
      const now = await this.#reads.find(row.id);
      if (now?.log?.archived !== true || row.log?.archived === true) throw error;
      return await this.#open(now, attempt, offset, range);
    }
  }

  async #open(
    row: InstanceRow,
    attempt: number,
    offset: number,
    request: Pick<LogRequest, 'limit' | 'follow'>,
  ): Promise<Arrival> {
    const current = attempt === row.attempt;
    if (!current || (row.released && row.log?.archived !== false))
      return this.#openArchive(row, attempt, offset, request.limit);
    const link = row.workerId === null ? undefined : this.#links.get(row.workerId);
    if (!link) throw new DroverError('LOG_UNAVAILABLE', { ref: row.name ?? row.id, worker: row.workerId });
    const { ticket, arrival } = this.#streams.expect(link.workerId, row.name ?? row.id);
    this.#links.send(link, {
      type: 'sendLog',
      instance: row.id,
      attempt,
      ticket,
      offset,
      limit: request.limit ?? null,
      follow: request.follow,
    });
    return arrival;
  }

  async #openArchive(
    row: InstanceRow,
    attempt: number,
    wanted: number,
    limit = Number.MAX_SAFE_INTEGER,
  ): Promise<Arrival> {
    const key = logKey(row.id, attempt);
    const stored = (await this.#ports.blobs.size(key)) ?? 0;
    const available = attempt === row.attempt ? (row.log?.available ?? 0) : 0;
    const size = available + stored;
    const offset = Math.min(size, Math.max(available, wanted < 0 ? size + wanted : wanted));
    const bytes = stored === 0 ? null : await this.#ports.blobs.read(key, offset - available, limit);
    return { offset, available, size, bytes: bytes ?? nothing(), cancel: () => undefined };
  }

  /**
   * All that was promised: a stream that ends before it (its worker was killed, or had given the log away to the
   * archive meanwhile) is taken up at its offset, wherever the log is by then.
   */
  async *#whole(
    id: string,
    attempt: number,
    reader: Reader,
    first: Arrival,
    request: LogRequest,
  ): AsyncIterable<Uint8Array> {
    const { abort, follow } = request;
    const limitAt = first.offset + (request.limit ?? Number.MAX_SAFE_INTEGER);
    const end = follow ? limitAt : Math.min(limitAt, first.size);
    let at = first.offset;
    let fruitless = 0;
    while (!abort.aborted) {
      const { arrival } = reader;
      const before = at;
      if (arrival) {
        // Bytes that are gone are not passed over in silence: whoever reads asks again, and is told where it goes on.
        if (arrival.offset > at) {
          arrival.cancel();
          const message = `bytes ${at} to ${arrival.offset} of the log are gone (over its cap); read on from there`;
          throw new DroverError('LOG_UNAVAILABLE', { ref: id, from: at, to: arrival.offset }, { message });
        }
        try {
          for await (const chunk of arrival.bytes) {
            at += chunk.length;
            yield chunk;
          }
        } catch (error) {
          if (abort.aborted) return;
          this.#ports.log.info(
            { instance: id, attempt, err: error },
            'a log stream broke off; going on at its offset',
          );
        }
      }
      fruitless = at > before ? 0 : fruitless + 1;
      if (at >= end || (follow && (await this.#isComplete(id, attempt, at)))) return;
      if (fruitless > PATIENCE && !follow) throw new DroverError('LOG_UNAVAILABLE', { ref: id, worker: '?' });
      // Nothing new, and not the end: the end may not have been heard of yet, or the archive lacks what it should have.
      if (arrival && fruitless > 0)
        await this.#pause(Math.min(AWAY_MS, FRUITLESS_MS * 2 ** Math.min(fruitless, 10)));
      reader.arrival = await this.#reopen(id, attempt, at, { limit: end - at, follow });
    }
    reader.arrival?.cancel();
  }

  /** Nothing will be written any more, and all that was is told. */
  async #isComplete(id: string, attempt: number, at: number): Promise<boolean> {
    const row = await this.#reads.find(id);
    if (!row || row.attempt !== attempt) return true;
    return isFinal(row.status) && row.released && at >= (row.log?.size ?? 0);
  }

  /** @returns null when it cannot be reached now, after a while */
  async #reopen(
    id: string,
    attempt: number,
    offset: number,
    range: Pick<LogRequest, 'limit' | 'follow'>,
  ): Promise<Arrival | null> {
    const row = await this.#reads.find(id);
    if (!row) throw new DroverError('INSTANCE_NOT_FOUND', { ref: id });
    try {
      return await this.#open(row, attempt, offset, range);
    } catch (err) {
      this.#ports.log.info({ instance: id, attempt, err }, 'a log cannot be reached now; trying again');
      await this.#pause(AWAY_MS);
      return null;
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.#ports.clock.after(ms, resolve));
  }
}

async function* nothing(): AsyncIterable<Uint8Array> {}
