import type { EventView } from '@drover/core/wire';
import { errorFromReply } from '../transport/failures.ts';
import { backOffMs, isTransient } from '../transport/retry.ts';
import { pause } from '../transport/signals.ts';
import type { Transport } from '../transport/transport.ts';
import { Head } from './head.ts';
import type { CallOptions } from './options.ts';
import { parseEvents } from './sse.ts';

/** Which events. */
export interface EventOptions extends CallOptions {
  /** Those after this revision (`rev` of any view). Default: from now on. */
  readonly after?: number | undefined;
  /** Only of one noun: `instances`, `workers` or `joinTokens`. */
  readonly noun?: string | undefined;
  /** Only of one thing. */
  readonly id?: string | undefined;
}

/** `client.events`: what happened in the herd, in order. */
export class Events {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /**
   * Events without an end, over restarts of the head, none twice and none missing.
   * @throws {DroverError} RESYNC when `after` is older than what the head keeps: list again and follow from there
   */
  async *follow(options: EventOptions = {}): AsyncGenerator<EventView> {
    let after = options.after ?? (await new Head(this.#transport).get(options)).rev;
    let lastSeq = -1;
    for (let idle = 0; ; idle++) {
      const { noun, id, signal } = options;
      const reply = await this.#transport.stream({
        path: '/v1/events',
        query: { after, noun, id },
        headers: { accept: 'text/event-stream' },
        repeat: 'always',
        signal,
      });
      try {
        for await (const { event, data } of parseEvents(reply.chunks)) {
          if (event === 'error' || event === 'resync') throw errorFromReply(410, data, this.#transport.url);
          const view = parseEvent(data);
          if (view === null || view.seq <= lastSeq) continue;
          idle = 0;
          lastSeq = view.seq;
          // Events of one revision may be cut apart: the whole revision is asked for again and `seq` sorts out the rest.
          after = Math.max(after, view.rev - 1);
          yield view;
        }
      } catch (error) {
        if (!isTransient(error)) throw error;
      } finally {
        reply.release();
      }
      await pause(backOffMs(idle), signal);
    }
  }
}

function parseEvent(data: string): EventView | null {
  const value = JSON.parse(data) as Partial<EventView> | null;
  return typeof value?.seq === 'number' && typeof value.rev === 'number' ? (value as EventView) : null;
}
