/** What the head tells of itself, put together: metrics always, traces when they are asked for. */
import type { Clock, Logger, Meter } from '@drover/engine';
import type { App, RouteContext } from '../http/app.ts';
import { CallLog } from './call-log.ts';
import { CallCounts, type CallObserver, watchCalls } from './calls.ts';
import { EngineMeter } from './engine-meter.ts';

import { linkMetrics } from './links.ts';
import { buildInfo, certificateExpiry, metricsRoute } from './metrics-route.ts';
import { countMoves } from './moves.ts';
import { readyRoute } from './ready.ts';
import { startTracing } from './start-tracing.ts';
import { stateMetrics } from './states.ts';
import type { Tracing } from './tracing.ts';

export interface TelemetryOptions {
  readonly version: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly traces: boolean;
}

export interface Telemetry {
  /** For the engine. */
  readonly meter: Meter;
  /** Before all other hooks. */
  watch(app: App): void;
  /** `/metrics` and `/readyz`; after the hook that says who calls. */
  serve(app: App, context: RouteContext, store: string): void;
  close(): Promise<void>;
}

/** @throws {DroverError} NOT_SUPPORTED when traces are wanted and cannot be made */
export async function openTelemetry({ version, clock, log, traces }: TelemetryOptions): Promise<Telemetry> {
  const running = traces ? await startTracing(version) : null;
  const tracing = running?.tracing ?? null;
  const counts = new CallCounts();
  const meter = new EngineMeter();
  const observers: CallObserver[] = [counts, new CallLog(log, () => clock.monoMs())];
  if (tracing) observers.push(tracing);
  return {
    meter: tracing ? both(meter, tracing) : meter,
    watch: (app) => watchCalls(app, observers),
    serve(app, context, store) {
      tracing?.follow(app);
      readyRoute(app, context);
      const moves = countMoves(context.engine);
      metricsRoute(app, () => [
        buildInfo({ version, node: process.version, store }),
        ...stateMetrics(context.engine, () => clock.wallMs()),
        ...moves,
        ...linkMetrics(context.engine, () => clock.monoMs()),
        ...meter.metrics(),
        ...counts.metrics(),
        certificateExpiry(context.tls),
      ]);
    },
    close: async () => await running?.close(),
  };
}

/** Commits, passes and orders are told to both; the rest is only counted. */
function both(meter: EngineMeter, tracing: Tracing): Meter {
  return {
    committed(batch) {
      meter.committed(batch);
      tracing.committed(batch);
    },
    commitRefused(failure) {
      meter.commitRefused(failure);
      tracing.commitRefused(failure);
    },
    passed(pass) {
      meter.passed(pass);
      tracing.passed(pass);
    },
    ordered(order) {
      meter.ordered(order);
      tracing.ordered(order);
    },
    heardLate: () => meter.heardLate(),
    archived: (bytes) => meter.archived(bytes),
  };
}
