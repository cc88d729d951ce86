/**
 * Traces, through OpenTelemetry's API: a span for each call, commit, pass of the scheduler, and order to a worker. Whoever
 * collects them is set up elsewhere; without `--traces` nothing here is loaded.
 */

import type { Meter } from '@drover/engine';
import type * as Otel from '@opentelemetry/api';
import type { FastifyRequest } from 'fastify';
import type { App } from '../http/app.ts';
import { type CallObserver, routeOf, type ServedCall } from './calls.ts';

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/;
const NOTHING = /^0+$/;

declare module 'fastify' {
  interface FastifyRequest {
    /** The span of this call, for what comes of it; null: no traces are made. */
    traceparent: string | null;
  }
}

/** The context that a W3C `traceparent` names; null when it names none. https://www.w3.org/TR/trace-context/ */
export function parseTraceparent(text: unknown): Otel.SpanContext | null {
  const [, version, traceId = '', spanId = '', flags = ''] =
    TRACEPARENT.exec(typeof text === 'string' ? text : '') ?? [];
  if (version === undefined || version === 'ff' || NOTHING.test(traceId) || NOTHING.test(spanId)) return null;
  // Of version 00 nothing may follow the flags.
  if (version === '00' && (text as string).length !== 55) return null;
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & 1, isRemote: true };
}

const formatTraceparent = ({ traceId, spanId, traceFlags }: Otel.SpanContext): string =>
  `00-${traceId}-${spanId}-${(traceFlags & 1).toString(16).padStart(2, '0')}`;

export class Tracing implements CallObserver, Omit<Meter, 'heardLate' | 'archived'> {
  readonly #api: typeof Otel;
  readonly #tracer: Otel.Tracer;

  constructor(api: typeof Otel, version: string) {
    this.#api = api;
    this.#tracer = api.trace.getTracer('drover', version);
  }

  /** After the hooks that say who calls: what comes of a call carries its span. */
  follow(app: App): void {
    app.decorateRequest('traceparent', null);
    app.addHook('onRequest', (request, _reply, done) => {
      const { actor, traceparent } = request;
      if (actor && traceparent !== null) request.actor = { ...actor, traceparent };
      done();
    });
  }

  began(request: FastifyRequest): (call: ServedCall) => void {
    const { SpanKind, SpanStatusCode } = this.#api;
    const route = routeOf(request);
    const span = this.#tracer.startSpan(
      `${request.method} ${route}`,
      {
        kind: SpanKind.SERVER,
        attributes: {
          'http.request.method': request.method,
          'http.route': route,
          'drover.request_id': request.id,
        },
      },
      this.#contextOf(request.headers['traceparent']),
    );
    request.traceparent = formatTraceparent(span.spanContext());
    return ({ status }) => {
      if (status !== null) span.setAttribute('http.response.status_code', status);
      if (status !== null && status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
      span.end();
    };
  }

  committed({ changes, ms }: Parameters<Meter['committed']>[0]): void {
    this.#past('engine.commit', ms, { 'drover.changes': changes });
  }

  passed({ placed, ms }: Parameters<Meter['passed']>[0]): void {
    this.#past('scheduler.pass', ms, { 'drover.placed': placed });
  }

  ordered({ instance, attempt, worker, origin, ms }: Parameters<Meter['ordered']>[0]): void {
    const about = {
      'drover.instance': instance,
      'drover.attempt': attempt,
      'drover.worker': worker,
      ...(origin?.requestId !== undefined && { 'drover.request_id': origin.requestId }),
    };
    this.#past('worker.order', ms, about, origin?.traceparent);
  }

  commitRefused(failure: string): void {
    this.#past('engine.commit.refused', 0, { 'drover.failure': failure });
  }

  /** A span of what is over. */
  #past(name: string, ms: number, attributes: Otel.Attributes, traceparent?: string): void {
    const endMs = Date.now();
    const options = { kind: this.#api.SpanKind.INTERNAL, startTime: endMs - ms, attributes };
    this.#tracer.startSpan(name, options, this.#contextOf(traceparent)).end(endMs);
  }

  #contextOf(traceparent: unknown): Otel.Context {
    const { ROOT_CONTEXT, trace } = this.#api;
    const parent = parseTraceparent(traceparent);
    return parent === null ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, parent);
  }
}
