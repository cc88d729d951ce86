/**
 * Clusters as a person feels them: launch and exec to the first line of the log, a long queue, and many requests at once
 * beside somebody else's status call. Against the bare processes and files of the same machine there is no peer that runs
 * here; what SkyPilot's own server was seen to do stands in bench/README.md.
 */
import { readFileSync } from 'node:fs';
import type { Client } from 'drover';
import { type BenchHerd, startBenchHerd } from './herd.ts';
import { ms, overRounds, printRow, spreadOf, timed } from './measure.ts';

const JOBS = 1_000;
const REQUESTS = 1_000;

export async function benchClusters(rounds: number): Promise<void> {
  const herd = await startBenchHerd();
  try {
    await launches(herd.client, rounds);
    await queue(herd, rounds);
    await requests(herd, rounds);
  } finally {
    await herd.close();
  }
}

const spec = { choices: [{ cpus: { amount: 8, atLeast: false } }] };

/** From the call to the first line that the job prints. */
async function firstLine(client: Client, cluster: string, job: number | null): Promise<void> {
  for await (const line of client.jobs.log(cluster, job)) if (line.includes('first')) return;
  throw new Error(`job ${job} of ${cluster} printed nothing`);
}

async function launches(client: Client, rounds: number): Promise<void> {
  const { clusters } = client;
  const cold: number[] = [];
  const exec: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const name = `b${round}`;
    const task = { run: 'echo first', resources: spec };
    cold.push(
      await timed(async () => {
        const { jobId } = await (await clusters.launch({ cluster: name, task })).get();
        await firstLine(client, name, jobId);
      }),
    );
    for (let turn = 0; turn < 5; turn += 1)
      exec.push(
        await timed(async () => {
          const { jobId } = await (await clusters.exec(name, { task: { run: 'echo first' } })).get();
          await firstLine(client, name, jobId);
        }),
      );
    await (await clusters.down(name)).get();
  }
  printRow('launch on a pool to the first line of its log', `${overRounds(cold)} ms`, 'min / median / max');
  printRow('exec to the first line of its log', `${overRounds(exec)} ms`, 'min / median / max');
}

/** A thousand jobs wait on one cluster: how long until all are accepted, and until all have run. */
async function queue({ client, headPid }: BenchHerd, rounds: number): Promise<void> {
  const accepted: number[] = [];
  const through: number[] = [];
  for (let round = 0; round < Math.min(rounds, 3); round += 1) {
    const name = `q${round}`;
    await (await client.clusters.launch({ cluster: name, task: { run: 'true', resources: spec } })).get();
    const begun = performance.now();
    const lanes = Array.from({ length: 16 }, async () => {
      for (let each = 0; each < JOBS / 16; each += 1)
        await client.clusters.exec(name, { task: { run: 'true' } });
    });
    await Promise.all(lanes);
    accepted.push(performance.now() - begun);
    for (;;) {
      const left = await client.jobs.list(name, { skipFinished: true });
      if (left.length === 0) break;
      await client.jobs.tail(name, left[0]?.jobId ?? null, () => undefined);
    }
    through.push(performance.now() - begun);
    await (await client.clusters.down(name)).get();
  }
  printRow(`${JOBS} jobs on one cluster: accepted`, `${overRounds(accepted)} ms`, 'min / median / max');
  printRow(`${JOBS} jobs on one cluster: all have run`, `${overRounds(through)} ms`, 'min / median / max');
  printRow('head memory after it', `${rssMiB(headPid)} MiB`, 'resident');
}

/** A thousand launches that cannot be placed, all waiting, while somebody else asks for the status. */
async function requests({ client, headPid }: BenchHerd, rounds: number): Promise<void> {
  const before = rssMiB(headPid);
  const never = { choices: [{ cpus: { amount: 90_000, atLeast: false } }] };
  const holder = await client.clusters.launch({ cluster: 'holder', task: { resources: never } });
  await holder.get();
  const begun = performance.now();
  const futures = await Promise.all(
    Array.from({ length: REQUESTS }, (_, at) =>
      client.clusters.launch({
        cluster: `r${at}`,
        retryUntilUp: true,
        task: { run: 'true', resources: never },
      }),
    ),
  );
  const acceptedMs = performance.now() - begun;
  const times: number[] = [];
  for (let each = 0; each < 100 * rounds; each += 1)
    times.push(await timed(() => client.clusters.list({ names: ['holder'] })));
  const { p50, p99, max } = spreadOf(times);
  printRow(`${REQUESTS} launches at once: accepted`, ms(acceptedMs), `${futures.length} requests wait`);
  printRow('status of one cluster beside them', `${ms(p50)} / ${ms(p99)} / ${ms(max)}`, 'p50 / p99 / max');
  printRow('head memory', `${before} -> ${rssMiB(headPid)} MiB`, 'resident');
  await client.requests.cancel({ allUsers: true });
  await (await client.clusters.down('holder')).get();
}

const rssMiB = (pid: number): number =>
  Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024);
