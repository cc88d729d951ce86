/** `npm run bench -- instances [--peer pylet] [--rounds N]`: what a person feels, as ratios to the limit and to a peer. */
import { spawn, spawnSync } from 'node:child_process';
import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import { cpus, totalmem } from 'node:os';
import { type BenchHerd, cpuSeconds, DROVER, residentMiB, startBenchHerd } from './herd.ts';
import { inFlight, ms, overRounds, printRow, spreadOf, timed } from './measure.ts';
import { startPylet } from './pylet.ts';

const TRUE = { command: 'true', resources: { cpu: 0, memoryMiB: 0 } };
const NOWHERE = { command: 'true', resources: { gpus: 1, cpu: 0, memoryMiB: 0 } };

/** `count` times `bash -c true` by xargs, so many at a time: the same shell command without any of us. */
function xargsPerSecond(width: number, count: number): Promise<number> {
  const begun = performance.now();
  const child = spawn('xargs', ['-P', String(width), '-I{}', 'bash', '-c', 'true'], {
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  child.stdin?.end('x\n'.repeat(count));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', () => resolve((count / (performance.now() - begun)) * 1000));
  });
}

/** One call over a kept connection, without the SDK. */
function rawCall(
  herd: BenchHerd,
  agent: HttpAgent,
  method: string,
  path: string,
  body?: string,
): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    const headers = {
      authorization: `Bearer ${herd.token}`,
      ...(body && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
    };
    const call = httpRequest(`${herd.url}${path}`, { method, agent, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => resolve(JSON.parse(text) as Record<string, unknown>));
    });
    call.once('error', reject);
    call.end(body);
  });
}

async function throughSdk(herd: BenchHerd): Promise<void> {
  const { id } = await herd.client.instances.submit(TRUE);
  const ended = await herd.client.instances.wait(id);
  if (ended.exitCode !== 0) throw new Error(`instance ${id} ended with ${ended.exitCode}`);
}

async function throughHttp(herd: BenchHerd, agent: HttpAgent): Promise<void> {
  const { id } = await rawCall(herd, agent, 'POST', '/v1/instances', JSON.stringify(TRUE));
  const ended = await rawCall(herd, agent, 'GET', `/v1/instances/${String(id)}?wait=final`);
  if (ended['exitCode'] !== 0)
    throw new Error(`instance ${String(id)} ended with ${String(ended['exitCode'])}`);
}

export async function benchInstances(options: { rounds: number; peer: string | null }): Promise<void> {
  const { rounds } = options;
  console.log(
    `${cpus().length} x ${cpus()[0]?.model ?? '?'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}; ${rounds} interleaved rounds: min / median / max\n`,
  );
  const pylet = options.peer === 'pylet' ? await startPylet() : null;
  const herd = await startBenchHerd();
  try {
    await memoryIdle(herd);
    await latency(herd, rounds, pylet);
    await throughput(herd, rounds, pylet);
    await submissions(herd, rounds);
    await lists(herd, rounds);
    await cli(herd, rounds, pylet);
    await sleepers(herd);
  } finally {
    await herd.close();
    await pylet?.close();
  }
}

type Peer = Awaited<ReturnType<typeof startPylet>>;

async function memoryIdle(herd: BenchHerd): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  printRow(
    'memory (RSS), idle: head, worker',
    `${residentMiB(herd.headPid)} MiB, ${residentMiB(herd.workerPid)} MiB`,
    'aim: head under 120 MB, worker near 76 MB',
  );
}

async function latency(herd: BenchHerd, rounds: number, pylet: Peer | null): Promise<void> {
  const agent = new HttpAgent({ keepAlive: true });
  const sdk: number[] = [];
  const raw: number[] = [];
  const peer: number[] = [];
  for (let at = 0; at < 10; at++) await throughSdk(herd);
  for (let round = 0; round < rounds; round++) {
    for (let at = 0; at < 100; at++) sdk.push(await timed(() => throughSdk(herd)));
    for (let at = 0; at < 100; at++) raw.push(await timed(() => throughHttp(herd, agent)));
    if (pylet) for (let at = 0; at < 5; at++) peer.push(await timed(() => pylet.runTrue()));
  }
  agent.destroy();
  for (const [name, values] of [
    ['SDK', sdk],
    ['raw HTTP', raw],
    ['PyLet over raw HTTP, polled each 5 ms', peer],
  ] as const) {
    if (values.length === 0) continue;
    const { p50, p99, count } = spreadOf(values);
    printRow(
      `submit of true until its end is seen, ${name}`,
      `p50 ${ms(p50)}, p99 ${ms(p99)}`,
      `n=${count}; aim: p50 under 15 ms, p99 under 100 ms`,
    );
  }
}

async function throughput(herd: BenchHerd, rounds: number, pylet: Peer | null): Promise<void> {
  for (const width of [1, 8, 64]) {
    const ours: number[] = [];
    const limit: number[] = [];
    const ratio: number[] = [];
    const count = width === 1 ? 150 : 800;
    for (let round = 0; round < rounds; round++) {
      const rate = (await inFlight(width, count, () => throughSdk(herd))).perSecond;
      const xargs = await xargsPerSecond(width, count);
      ours.push(rate);
      limit.push(xargs);
      ratio.push(rate / xargs);
    }
    printRow(
      `instances per second, ${width} in flight`,
      overRounds(ours),
      `xargs -P${width}: ${overRounds(limit)}; ratio ${overRounds(ratio, 2)}`,
    );
  }
  if (pylet)
    printRow(
      'PyLet: instances per second, 8 in flight',
      (await inFlight(8, 24, () => pylet.runTrue())).perSecond.toFixed(1),
      'one round of 24',
    );
  const [head, worker] = [cpuSeconds(herd.headPid), cpuSeconds(herd.workerPid)];
  await inFlight(8, 500, () => throughSdk(herd));
  printRow(
    'CPU per instance: head, worker process',
    `${(((cpuSeconds(herd.headPid) - head) / 500) * 1000).toFixed(2)} ms, ${(((cpuSeconds(herd.workerPid) - worker) / 500) * 1000).toFixed(2)} ms`,
    'without the shells',
  );
}

async function submissions(herd: BenchHerd, rounds: number): Promise<void> {
  for (const width of [1, 32]) {
    const rates: number[] = [];
    const count = width === 1 ? 300 : 3_000;
    const agent = new HttpAgent({ keepAlive: true, maxSockets: width });
    const body = JSON.stringify(NOWHERE);
    for (let round = 0; round < rounds; round++) {
      rates.push(
        (await inFlight(width, count, () => rawCall(herd, agent, 'POST', '/v1/instances', body))).perSecond,
      );
      await herd.client.instances.deleteAll({ status: 'PENDING' });
    }
    agent.destroy();
    printRow(
      `durable submissions per second, ${width} client${width > 1 ? 's' : ''}`,
      overRounds(rates),
      width === 32 ? 'aim: 5,000; the client of this bench takes part of the same two cores' : '',
    );
  }
}

async function lists(herd: BenchHerd, rounds: number): Promise<void> {
  await inFlight(32, 10_000, () => herd.client.instances.submit(NOWHERE));
  const agent = new HttpAgent({ keepAlive: true });
  const live: number[] = [];
  const stored: number[] = [];
  const readAll = async (query: string): Promise<void> => {
    let cursor = '';
    let seen = 0;
    do {
      const page = await rawCall(
        herd,
        agent,
        'GET',
        `/v1/instances?limit=1000${query}${cursor && `&cursor=${cursor}`}`,
      );
      seen += (page['items'] as unknown[]).length;
      cursor = (page['nextCursor'] as string | null) ?? '';
    } while (cursor !== '' && seen < 10_000);
    if (seen < 10_000) throw new Error(`only ${seen} listed`);
  };
  for (let round = 0; round < rounds; round++) {
    live.push(await timed(() => readAll('&status=PENDING')));
    stored.push(await timed(() => readAll('')));
  }
  agent.destroy();
  printRow(
    'list of 10,000 in pages of 1,000: live, stored',
    `${overRounds(live)} ms, ${overRounds(stored)} ms`,
    'with parsing in the client',
  );
  await herd.client.instances.deleteAll();
}

async function cli(herd: BenchHerd, rounds: number, pylet: Peer | null): Promise<void> {
  const env = { ...process.env, DROVER_HEAD: herd.url, DROVER_TOKEN: herd.token };
  const times: number[] = [];
  const theirs: number[] = [];
  for (let at = 0; at < rounds * 5; at++) {
    times.push(await timed(async () => spawnSync(DROVER, ['ps'], { env, stdio: 'ignore' })));
    if (pylet && at < rounds) theirs.push(await timed(async () => pylet.cli()));
  }
  printRow(
    'wall time of drover ps',
    `${overRounds(times)} ms`,
    `aim: under 150 ms${pylet ? `; pylet list-workers: ${overRounds(theirs)} ms` : ''}`,
  );
}

async function sleepers(herd: BenchHerd): Promise<void> {
  const before = [residentMiB(herd.headPid), residentMiB(herd.workerPid)];
  const begun = performance.now();
  await inFlight(32, 1_000, () =>
    herd.client.instances.submit({
      command: ['sleep', '3600'],
      resources: { cpu: 0, memoryMiB: 0 },
      graceMs: 1_000,
    }),
  );
  for (;;) {
    const page = await herd.client.instances.page({ status: 'RUNNING' }, { limit: 1_000 });
    if (page.items.length >= 1_000) break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const seconds = (performance.now() - begun) / 1000;
  const after = [residentMiB(herd.headPid), residentMiB(herd.workerPid)];
  printRow(
    '1,000 sleeping: memory of head, worker',
    `${after[0]} MiB, ${after[1]} MiB`,
    `before: ${before[0]} MiB, ${before[1]} MiB; all running after ${seconds.toFixed(1)} s`,
  );
}
