/** Sets up `--traces`: the API comes with Drover, the SDK that collects and sends is the operator's to install. */
import { DroverError } from '@drover/core';
import type * as Otel from '@opentelemetry/api';
import { Tracing } from './tracing.ts';

/** What collects and sends; configured by the standard OTEL_* variables. */
const SDK = '@opentelemetry/sdk-node';
/** A collector that does not answer may not hold up the end of the head for longer. */
const STOP_MS = 2_000;

interface Sdk {
  start(): void;
  shutdown(): Promise<void>;
}

export interface RunningTracing {
  readonly tracing: Tracing;
  /** Sends what is left, if that goes quickly. Never throws. */
  close(): Promise<void>;
}

/**
 * @param load gives a module by name
 * @throws {DroverError} NOT_SUPPORTED, with what to install
 */
export async function startTracing(
  version: string,
  load: (name: string) => Promise<unknown> = async (name) => await import(name),
): Promise<RunningTracing> {
  const api = await import('@opentelemetry/api');
  // One that was loaded before this program (`--import`) is used as it is.
  const sdk = hasProvider(api) ? null : await startSdk(load);
  return {
    tracing: new Tracing(api, version),
    async close() {
      if (sdk === null) return;
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, STOP_MS);
      });
      // What cannot be sent any more is lost, as traces may be.
      await Promise.race([sdk.shutdown().catch(() => undefined), late]);
      clearTimeout(timer);
    },
  };
}

function hasProvider({ trace }: typeof Otel): boolean {
  const provider = trace.getTracerProvider() as { getDelegate?(): object };
  return provider.getDelegate?.().constructor.name !== 'NoopTracerProvider';
}

async function startSdk(load: (name: string) => Promise<unknown>): Promise<Sdk> {
  let NodeSDK: new (options: object) => Sdk;
  try {
    ({ NodeSDK } = (await load(SDK)) as { NodeSDK: typeof NodeSDK });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw cause;
    const rule = `traces need ${SDK}, which is not installed: run "npm install --global ${SDK}", or leave out --traces`;
    throw new DroverError('NOT_SUPPORTED', { rule }, { cause });
  }
  // The detector of processes would send the command line, which is nobody's business.
  process.env['OTEL_NODE_RESOURCE_DETECTORS'] ??= 'env,host';
  const sdk = new NodeSDK({
    serviceName: process.env['OTEL_SERVICE_NAME'] || 'drover-head',
    instrumentations: [],
  });
  sdk.start();
  return sdk;
}
