import { trace } from '@opentelemetry/api';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestHead, type TestHead } from '../testing/test-head.ts';
import { startTracing } from './start-tracing.ts';
import { parseTraceparent } from './tracing.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const PARENT = `00-${TRACE}-00f067aa0ba902b7-01`;

describe('a traceparent', () => {
  it('names the span that called', () => {
    expect(parseTraceparent(PARENT)).toEqual({
      traceId: TRACE,
      spanId: '00f067aa0ba902b7',
      traceFlags: 1,
      isRemote: true,
    });
    expect(parseTraceparent(PARENT.replace(/^00/, '01').concat('-later'))).toMatchObject({ traceId: TRACE });
  });

  it.each([
    ['nothing', undefined],
    ['other text', 'abc'],
    ['a version that cannot be', PARENT.replace(/^00/, 'ff')],
    ['no trace', `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`],
    ['no span', `00-${TRACE}-${'0'.repeat(16)}-01`],
    ['more than version 00 has', `${PARENT}-x`],
    ['capitals', PARENT.toUpperCase()],
    ['two of them', `${PARENT}, ${PARENT}`],
  ])('is nothing when it is %s', (_, text) => {
    expect(parseTraceparent(text)).toBeNull();
  });
});

describe('without the SDK', () => {
  it('says what to install', async () => {
    const missing = Object.assign(new Error("Cannot find package '@opentelemetry/sdk-node'"), {
      code: 'ERR_MODULE_NOT_FOUND',
    });
    const starting = startTracing('1', () => Promise.reject(missing));
    await expect(starting).rejects.toMatchObject({
      code: 'NOT_SUPPORTED',
      message: expect.stringContaining('npm install --global @opentelemetry/sdk-node'),
    });
  });

  it('passes on what else is wrong with it', async () => {
    const broken = new SyntaxError('broken');
    await expect(startTracing('1', () => Promise.reject(broken))).rejects.toBe(broken);
  });
});

describe('with the SDK', () => {
  it('starts it without the detector of processes, which would send the command line, and stops it', async () => {
    const steps: unknown[] = [];
    class NodeSDK {
      constructor(options: object) {
        steps.push(options);
      }
      start(): void {
        steps.push(process.env['OTEL_NODE_RESOURCE_DETECTORS']);
      }
      async shutdown(): Promise<void> {
        steps.push('shutdown');
      }
    }
    const running = await startTracing('1', async () => ({ NodeSDK }));
    await running.close();
    expect(steps).toEqual([{ serviceName: 'drover-head', instrumentations: [] }, 'env,host', 'shutdown']);
    delete process.env['OTEL_NODE_RESOURCE_DETECTORS'];
  });
});

describe('a head that makes traces', () => {
  const exporter = new InMemorySpanExporter();
  let head: TestHead;
  const spans = (name: string): ReadableSpan[] =>
    exporter.getFinishedSpans().filter((span) => span.name === name);

  beforeAll(async () => {
    trace.setGlobalTracerProvider(
      new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }),
    );
    head = await startTestHead({ traces: true });
  });
  afterAll(async () => {
    await head.close();
    trace.disable();
  });

  it('has a span for each call, by its route, below the one that called', async () => {
    await head.call('POST', '/v1/instances', { command: 'true' }, { traceparent: PARENT });
    const [span] = await expect
      .poll(() => spans('POST /v1/instances'))
      .toHaveLength(1)
      .then(() => spans('POST /v1/instances'));
    expect(span?.spanContext().traceId).toBe(TRACE);
    expect(span?.parentSpanContext?.spanId).toBe('00f067aa0ba902b7');
    expect(span?.attributes).toMatchObject({
      'http.route': '/v1/instances',
      'http.response.status_code': 201,
    });
    expect(spans('engine.commit').length).toBeGreaterThan(0);
    expect(spans('scheduler.pass').length).toBeGreaterThan(0);
  });

  it('never names a path', async () => {
    await head.call('GET', '/v1/instances/secret-name');
    await expect.poll(() => spans('GET /v1/instances/:ref')).toHaveLength(1);
    const all = exporter.getFinishedSpans().map(({ name, attributes }) => ({ name, attributes }));
    expect(JSON.stringify(all)).not.toContain('secret-name');
  });
});
