/** The load of a soak: a herd of simulated workers, instances that have ended, that wait and that come and go, idle streams. */
import { type SocketWorker, startSocketWorker } from '@drover/testkit';
import type { Client, InstanceView } from 'drover';

const IN_FLIGHT = 64;
const GIANT = 100_000;

const scriptOf = (runMs: number): string =>
  JSON.stringify({ runMs, code: 0, ignoresTerm: false, failsToStart: false });

/** Calls `step` so many times, a number of them at once. */
export async function many<T>(
  count: number,
  atOnce: number,
  step: (index: number) => Promise<T>,
): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) results.push(await step(next++));
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, lane));
  return results;
}

export async function joinWorkers(client: Client, url: string, count: number): Promise<SocketWorker[]> {
  const { token } = await client.joinTokens.create({ uses: count });
  const log = { info: () => undefined, warn: () => undefined, error: console.error };
  const workers = await many(count, 16, async () => {
    const reply = await fetch(`${url}/v1/join`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ workerId: crypto.randomUUID() }),
    });
    if (!reply.ok) throw new Error(`join: ${reply.status} ${await reply.text()}`);
    const identity = (await reply.json()) as { workerId: string; token: string; herd: string };
    return startSocketWorker({ headUrl: url, ...identity, cpu: 8, log });
  });
  await Promise.all(workers.map((worker) => worker.online));
  return workers;
}

/** Instances that end almost at once. @returns when the last of them has ended */
export async function fill(client: Client, count: number): Promise<void> {
  await many(count, IN_FLIGHT, () => client.instances.submit({ command: scriptOf(0) }));
  for (;;) {
    const { items } = await client.instances.page(
      { status: ['PENDING', 'ASSIGNED', 'RUNNING'] },
      { limit: 1 },
    );
    if (items.length === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Instances that no worker can hold. */
export const queue = (client: Client, count: number): Promise<InstanceView[]> =>
  many(count, IN_FLIGHT, () =>
    client.instances.submit({ command: scriptOf(0), resources: { cpu: GIANT / 2 } }),
  );

/** Streams that stay open and carry nothing: half of events, half of logs of instances that run on. */
export async function idleStreams(client: Client, count: number, signal: AbortSignal): Promise<void> {
  const long = await many(Math.ceil(count / 2), 16, () =>
    client.instances.submit({ command: scriptOf(86_400_000) }),
  );
  for (const view of long) {
    await client.instances.waitRunning(view.id);
    drain(client.instances.followLogs(view.id, { signal }), signal);
    drain(client.events.follow({ id: view.id, signal }), signal);
  }
}

function drain(stream: AsyncIterable<unknown>, signal: AbortSignal): void {
  const read = async (): Promise<void> => {
    for await (const _ of stream) if (signal.aborted) return;
  };
  read().catch((error: unknown) => {
    if (!signal.aborted) console.error('an idle stream ended:', error);
  });
}

/** Submits so many a second, and deletes each as it has ended, so that what is kept stays the same. */
export function steady(
  client: Client,
  perSecond: number,
  signal: AbortSignal,
): { readonly done: () => number } {
  let done = 0;
  const one = async (): Promise<void> => {
    const { id } = await client.instances.submit({ command: scriptOf(20) });
    await client.instances.wait(id);
    await client.instances.delete(id);
    done += 1;
  };
  const timer = setInterval(() => {
    one().catch((error: unknown) => {
      if (!signal.aborted) console.error('a steady instance went wrong:', error);
    });
  }, 1000 / perSecond);
  signal.addEventListener('abort', () => clearInterval(timer));
  return { done: () => done };
}
