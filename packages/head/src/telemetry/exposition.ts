/** The text of `GET /metrics`, by prom-client. That is loaded at the first scrape: a head that nobody asks does without. */
import type { Metric as ClientMetric, MetricObject, Registry } from 'prom-client';
import type { HistogramMetric, Metric } from './metric.ts';

export interface Exposition {
  readonly contentType: string;
  text(): Promise<string>;
}

type PromClient = typeof import('prom-client');

/** What the process says of itself (memory, CPU, loop lag): one registry for all heads of a process. */
let ofProcess: Registry | null = null;

export async function openExposition(metrics: readonly Metric[]): Promise<Exposition> {
  const client = (await import('prom-client')).default as PromClient;
  const registry = new client.Registry();
  // The registry asks a metric for its name and its values, and nothing else; ours are counted without it.
  for (const metric of metrics)
    registry.registerMetric({
      name: metric.name,
      get: async () => valuesOf(metric),
    } as never as ClientMetric);
  ofProcess ??= processRegistry(client);
  const process = ofProcess;
  return {
    contentType: registry.contentType,
    async text() {
      return `${await registry.metrics()}${await process.metrics()}`;
    },
  };
}

function processRegistry(client: PromClient): Registry {
  const registry = new client.Registry();
  client.collectDefaultMetrics({ register: registry });
  return registry;
}

function valuesOf(metric: Metric): Pick<MetricObject, 'name' | 'help'> & { type: string; values: unknown[] } {
  const { name, help, type } = metric;
  const values = type === 'histogram' ? bucketsOf(metric) : [...metric.read()];
  return { name, help, type, values };
}

function bucketsOf(metric: HistogramMetric): unknown[] {
  const values: unknown[] = [];
  for (const { labels, histogram } of metric.read()) {
    const cumulative = histogram.cumulative();
    const all = cumulative.at(-1) ?? 0;
    for (const [at, value] of cumulative.entries()) {
      const le = histogram.bounds[at] ?? '+Inf';
      values.push({ metricName: `${metric.name}_bucket`, labels: { le, ...labels }, value });
    }
    values.push({ metricName: `${metric.name}_sum`, labels, value: histogram.sum });
    values.push({ metricName: `${metric.name}_count`, labels, value: all });
  }
  return values;
}
