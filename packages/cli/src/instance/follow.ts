import type { Client, FollowOptions, InstanceView } from '@drover/client';
import type { Call } from '../call.ts';
import { LogSanitizer } from '../text/sanitize.ts';
import type { Terminal } from '../text/terminal.ts';

/** Where log bytes go. */
export interface LogSink {
  readonly push: (chunk: Uint8Array) => Promise<void>;
  readonly end: () => Promise<void>;
}

/** Standard output: untouched into a pipe or file, made harmless for a terminal. */
export function logSink(terminal: Terminal): LogSink {
  if (!terminal.outIsTty) return { push: (chunk) => terminal.write(chunk), end: async () => undefined };
  const sanitizer = new LogSanitizer();
  return {
    push: (chunk) => terminal.write(sanitizer.push(chunk)),
    end: () => terminal.write(sanitizer.end()),
  };
}

/** Runs `act` until it ends or a signal comes. @returns its value, or the exit code for the signal */
export async function untilInterrupted<T>(
  act: (signal: AbortSignal) => Promise<T>,
): Promise<{ readonly value: T } | { readonly exitCode: number }> {
  const abort = new AbortController();
  let exitCode: number | null = null;
  const handlers = (
    [
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const
  ).map(([name, code]) => {
    const handler = (): void => {
      exitCode = code;
      abort.abort(new DOMException(name, 'AbortError'));
    };
    process.once(name, handler);
    return [name, handler] as const;
  });
  try {
    return { value: await act(abort.signal) };
  } catch (error) {
    if (exitCode === null) throw error;
    return { exitCode };
  } finally {
    for (const [name, handler] of handlers) process.off(name, handler);
  }
}

/** Shows the log as it grows until the instance has ended. @returns null, or the exit code when a signal came first */
export async function followTo(
  call: Call,
  client: Client,
  view: InstanceView,
  options: FollowOptions,
): Promise<number | null> {
  const sink = logSink(call.terminal);
  const onGap = (from: number, to: number): void =>
    call.terminal.say(`drover: ${to - from} bytes of the log are gone (over its cap), from byte ${from}`);
  const outcome = await untilInterrupted(async (signal) => {
    for await (const chunk of client.instances.followLogs(view.id, { ...options, signal, onGap }))
      await sink.push(chunk);
    return null;
  }).finally(() => sink.end());
  return 'exitCode' in outcome ? outcome.exitCode : null;
}
