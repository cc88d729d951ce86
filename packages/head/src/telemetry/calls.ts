/**
 * Every call that the head serves, from its first byte until its reply has left: counted, and told to who logs it or
 * follows it. Its route is the pattern, `unknown` for what has none: never the path, of which callers can make any number.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { App } from '../http/app.ts';
import { Histogram } from './histogram.ts';
import type { Metric } from './metric.ts';

/** A call that is over. */
export interface ServedCall {
  readonly requestId: string;
  readonly method: string;
  readonly route: string;
  /** Null: the caller went away before there was a reply. */
  readonly status: number | null;
  /** Until the reply was ready; of a stream, until its end. */
  readonly ms: number;
  /** Null: it was not let in. */
  readonly actor: string | null;
  /** A stream goes on for as long as both want; a wait takes as long as the caller has asked for. */
  readonly kind: 'reply' | 'wait' | 'stream';
}

export interface CallObserver {
  /** @returns called when the call is over */
  began?(request: FastifyRequest): ((call: ServedCall) => void) | undefined;
  ended?(call: ServedCall): void;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** When the reply was ready, by `performance.now`; 0: not yet, or it is a stream. */
    repliedMs: number;
  }
}

const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);
/** Foreign calls that wait for the end of something, and say so in no parameter. */
const WAITS = /^(?:\/compat\/skypilot)?\/api\/get$/;

/** Before any other hook, so that what these refuse is seen too. */
export function watchCalls(app: App, observers: readonly CallObserver[]): void {
  app.decorateRequest('repliedMs', 0);
  app.addHook('onRequest', (request, reply, done) => {
    const beganMs = performance.now();
    const ends = observers.map((observer) => observer.began?.(request));
    // Comes once, whether the reply was sent or the caller has gone.
    reply.raw.once('close', () => {
      const call = servedCall(request, reply, beganMs);
      for (const end of ends) end?.(call);
      for (const observer of observers) observer.ended?.(call);
    });
    done();
  });
  app.addHook('onSend', (request, _reply, payload, done) => {
    request.repliedMs = performance.now();
    done(null, payload);
  });
}

function servedCall(request: FastifyRequest, reply: FastifyReply, beganMs: number): ServedCall {
  const { repliedMs } = request;
  const route = routeOf(request);
  const isReplied = repliedMs > 0;
  const asksToWait = (request.query as Record<string, unknown> | null)?.['wait'] !== undefined;
  return {
    requestId: request.id,
    method: METHODS.has(request.method) ? request.method : 'other',
    route,
    status: reply.raw.headersSent ? reply.raw.statusCode : null,
    ms: (isReplied ? repliedMs : performance.now()) - beganMs,
    actor: request.actor?.name ?? null,
    kind: !isReplied && reply.raw.headersSent ? 'stream' : asksToWait || WAITS.test(route) ? 'wait' : 'reply',
  };
}

export const routeOf = (request: FastifyRequest): string =>
  request.is404 ? 'unknown' : (request.routeOptions.url ?? 'unknown');

/** Seconds; the limits of what is expected of a call lie at 0.1 and 1. */
const CALL_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 2.5, 10] as const;

interface Series {
  readonly labels: { readonly route: string; readonly method: string; readonly status: string };
  replies: number;
  /** Of what neither streams nor waits. */
  readonly seconds: Histogram;
}

/** Counts calls by route, method and class of status. */
export class CallCounts implements CallObserver {
  readonly #series = new Map<string, Series>();
  readonly #open = new Map<string, number>();

  began(request: FastifyRequest): () => void {
    const route = routeOf(request);
    this.#open.set(route, (this.#open.get(route) ?? 0) + 1);
    return () => this.#open.set(route, (this.#open.get(route) ?? 0) - 1);
  }

  ended({ route, method, status, kind, ms }: ServedCall): void {
    const statusClass = status === null ? 'none' : `${Math.floor(status / 100)}xx`;
    const key = `${method} ${statusClass} ${route}`;
    let series = this.#series.get(key);
    if (!series) {
      const labels = { route, method, status: statusClass };
      series = { labels, replies: 0, seconds: new Histogram(CALL_SECONDS) };
      this.#series.set(key, series);
    }
    series.replies += 1;
    if (kind === 'reply' && status !== null) series.seconds.observe(ms / 1000);
  }

  metrics(): Metric[] {
    const labels = ['route', 'method', 'status'];
    return [
      {
        type: 'counter',
        name: 'drover_http_calls_total',
        help: 'Calls served, by pattern of the route, method and class of status; none: the caller had gone.',
        labels,
        read: () => [...this.#series.values()].map(({ labels, replies }) => ({ labels, value: replies })),
      },
      {
        type: 'histogram',
        name: 'drover_http_call_seconds',
        help: 'From the header of a call until its reply was ready, for calls that neither stream nor wait.',
        labels,
        read: () =>
          [...this.#series.values()]
            .filter(({ seconds }) => seconds.count > 0)
            .map(({ labels, seconds }) => ({ labels, histogram: seconds })),
      },
      {
        type: 'gauge',
        name: 'drover_http_open_calls',
        help: 'Calls under way, by pattern of the route: streams and long polls are those that stay.',
        labels: ['route'],
        read: () => [...this.#open].map(([route, value]) => ({ labels: { route }, value })),
      },
    ];
  }
}
