/** `GET /metrics`. */
import type { App, RouteContext } from '../http/app.ts';
import { type Exposition, openExposition } from './exposition.ts';
import type { Metric } from './metric.ts';

/** Which program this is, as labels of a metric that is always 1. */
export const buildInfo = (labels: { version: string; node: string; store: string }): Metric => ({
  type: 'gauge',
  name: 'drover_build_info',
  help: 'Which head this is; always 1.',
  labels: Object.keys(labels),
  read: () => [{ labels, value: 1 }],
});

/** When the certificate that is served ends; no value without TLS. */
export const certificateExpiry = (tls: RouteContext['tls']): Metric => ({
  type: 'gauge',
  name: 'drover_tls_expiry_timestamp_seconds',
  help: 'When the certificate that is served ends, as Unix time; no value without TLS.',
  labels: [],
  read: () => (tls === null ? [] : [{ labels: {}, value: Date.parse(tls.view().expiresAt) / 1000 }]),
});

/** @param metrics asked for once, at the first scrape */
export function metricsRoute(app: App, metrics: () => readonly Metric[]): void {
  let opened: Promise<Exposition> | null = null;
  app.get(
    '/metrics',
    {
      config: { access: 'viewer' },
      schema: {
        operationId: 'headMetrics',
        summary: 'Metrics in the text format of Prometheus',
        produces: ['text/plain'],
      },
    },
    async (_request, reply) => {
      opened ??= openExposition(metrics());
      const exposition = await opened;
      return reply.type(exposition.contentType).send(await exposition.text());
    },
  );
}
