/** The examples of clusters, jobs and requests: `drover/sky`, and the command line. */
import { type LocalCluster, localCluster, start } from 'drover/local';
import { afterEach, expect, it } from 'vitest';
import { runExample } from './run-example.ts';

const clusters: LocalCluster[] = [];
afterEach(async () => {
  await Promise.all(clusters.splice(0).map((cluster) => cluster.shutdown()));
});

/** How an example finds its own herd. */
async function inHerd(workers: number): Promise<{ env: Record<string, string> }> {
  const cluster = await localCluster({
    workers,
    cpusPerWorker: 16,
    memoryMiBPerWorker: 16_384,
    graceMs: 1000,
  });
  clusters.push(cluster);
  return { env: { DROVER_HEAD: cluster.address, DROVER_TOKEN: cluster.token } };
}

/** What it printed, without the process of each line of a job. */
const withoutPids = (output: string): string => output.replace(/, pid=\d+\)/g, ')');

it('sky-launch streams the request, then the job', async () => {
  const output = withoutPids(await runExample('sky-launch', await inHerd(1)));
  expect(output).toContain('Considered resources (1 node)');
  expect(output).toContain('prepared');
  expect(output.slice(output.indexOf('{ jobId'))).toBe(
    [
      '{ jobId: 1, nodes: 1 }',
      '(hello) hello Drover',
      'Job finished (status: SUCCEEDED).',
      '{ exitCode: 0 }',
      '',
    ].join('\n'),
  );
});

it('sky-resources finds the machine that each wish names', async () => {
  const { env } = await inHerd(0);
  const { DROVER_HEAD: address = '', DROVER_TOKEN: token = '' } = env;
  const gpus = { DROVER_GPUS: '4xV100', DROVER_CPUS: '8', DROVER_MEMORY: '8GiB' };
  await using _worker = await start({ address, token, env: gpus });
  const ended = 'Job finished (status: SUCCEEDED).';
  expect(withoutPids(await runExample('sky-resources', { env }))).toBe(
    [
      'launchable: true false',
      'same: 1',
      'copied: 2+ 4+ 2+ null',
      '(four) GPUs: 0,1,2,3',
      ended,
      '(listed) GPUs: 0',
      ended,
      '(best) GPUs: 0',
      ended,
      'H100:8: ResourcesUnavailableError 0',
      '',
    ].join('\n'),
  );
});

it('sky-task sends its files and gives each node its command', async () => {
  const ended = 'Job finished (status: SUCCEEDED).';
  expect(withoutPids(await runExample('sky-task', await inHerd(2)))).toBe(
    [
      '(train) trained with nothing at rate 0.1',
      ended,
      '(files) setting',
      '(files) data',
      ended,
      '(ranks, rank=1) rank 1 of 2',
      ended,
      '(from-yaml) read from a file',
      ended,
      'refused: fileMounts.~/data/',
      'refused: storageMounts.~/imagenet',
      '',
    ].join('\n'),
  );
});

it('sky-cluster keeps its files over stop and start', async () => {
  expect(withoutPids(await runExample('sky-cluster', await inHerd(1)))).toBe(
    [
      "Map(2) { 1 => 'SUCCEEDED', 99 => null }",
      'Job finished (status: CANCELLED): cancelled by admin',
      'cancelled: 103',
      "[ '2 second CANCELLED', '1 first SUCCEEDED' ]",
      '(third) kept',
      'Job finished (status: SUCCEEDED).',
      'log: kept\n',
      'UP 60 true',
      'UP -1 false',
      'left: []',
      '',
    ].join('\n'),
  );
});

it('sky-requests cancels by the beginning of an id', async () => {
  expect(await runExample('sky-requests', await inHerd(1))).toBe(
    [
      'launch two admin',
      'launch one admin',
      'cancelled: 2',
      'RequestCancelled',
      'RequestCancelled',
      'ClusterDoesNotExist',
      '[',
      "  'api_cancel SUCCEEDED',",
      "  'launch CANCELLED',",
      "  'launch CANCELLED',",
      "  'stop FAILED'",
      ']',
      '',
    ].join('\n'),
  );
});

it('async-launches makes ten clusters and waits for none', async () => {
  const greetings = Array.from({ length: 10 }, (_, at) => `hello Drover ${at + 1}`);
  expect(await runExample('async-launches.sh', await inHerd(1))).toBe(
    ['requests: 10', ...greetings, '10', ''].join('\n'),
  );
});

it('requests.sh leaves a request with Ctrl-C and comes back to it', async () => {
  const output = await runExample('requests.sh', await inHerd(1));
  expect(output).toMatch(
    /^left with 130\n\nrequest REQUEST goes on\n {2}watch it: {2}drover request logs REQUEST\n {2}or open: {3}http:\S+\n {2}cancel it: drover request cancel REQUEST\n/,
  );
  expect(withoutPids(output).split('\n').slice(-5)).toEqual([
    'under way: 2',
    '(setup) preparing',
    'its failure is the exit code',
    'all: 2 cancelled',
    '',
  ]);
});
