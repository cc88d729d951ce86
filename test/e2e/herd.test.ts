/**
 * The first promise, on real processes: kill -9 of head and workers, at any moment, loses nothing, doubles nothing and
 * touches no instance.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { InstanceView } from 'drover';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { processStart } from './processes.ts';
import { RealHerd, until } from './real-herd.ts';

const herd = new RealHerd();

beforeAll(async () => {
  await herd.startHead();
  await herd.addWorker('w1', ['--cpus', '64', '--memory', '64GiB']);
  await herd.addWorker('w2', ['--cpus', '64', '--memory', '64GiB']);
});
afterAll(() => herd.close());

interface Expected {
  readonly view: InstanceView;
  readonly exitCode: number;
  readonly log: string;
}

/** Commands of all kinds, each writing one line to a witness file with its attempt when it begins and when it ends. */
function mixedCommand(
  at: number,
  witness: string,
): { command: string | string[]; exitCode: number; log: string } {
  const mark = (what: string): string => `echo "$DROVER_INSTANCE_ID $DROVER_ATTEMPT ${what}" >> ${witness}`;
  switch (at % 5) {
    case 0:
      return { command: `${mark('start')}; echo out ${at}; ${mark('end')}`, exitCode: 0, log: `out ${at}\n` };
    case 1:
      return {
        command: `${mark('start')}; echo err ${at} >&2; ${mark('end')}; exit ${(at % 100) + 1}`,
        exitCode: (at % 100) + 1,
        log: `err ${at}\n`,
      };
    case 2:
      return {
        command: `${mark('start')}; for i in $(seq 1 40); do echo ${at} line $i; sleep 0.05; done; ${mark('end')}; exit 3`,
        exitCode: 3,
        log: Array.from({ length: 40 }, (_, i) => `${at} line ${i + 1}\n`).join(''),
      };
    case 3:
      return {
        command: ['printf', '%s|', `$HOME ${at}`, 'a$1', '$(id)', "it's"],
        exitCode: 0,
        log: `$HOME ${at}|a$1|$(id)|it's|`,
      };
    default:
      return {
        command: `${mark('start')}; head -c 30000 /dev/zero | tr '\\0' x; ${mark('end')}; kill -KILL $$`,
        exitCode: 137,
        log: 'x'.repeat(30000),
      };
  }
}

describe('200 mixed commands while head and workers are killed', () => {
  it('keeps every process, attempt, byte and exit code', async () => {
    const witness = join(herd.dir, 'witness');
    const { client } = herd;
    const service = await client.instances.submit({
      command: 'exec python3 -u -m http.server $PORT --bind 0.0.0.0',
      name: 'service',
      resources: { cpu: 0, memoryMiB: 128 },
    });
    const running = await client.instances.waitRunning(service.id);
    await until('the service answers', () =>
      fetch(`http://${running.endpoint}/`).then(
        (reply) => reply.ok,
        () => false,
      ),
    );
    const startOf = processStart(running.pid ?? 0);
    expect(startOf).not.toBeNull();

    const stubborn = await client.instances.submit({
      command: "trap '' TERM; echo stubborn; while :; do sleep 0.1; done",
      graceMs: 1500,
      resources: { cpu: 0.1, memoryMiB: 64 },
    });
    const daemon = await client.instances.submit({
      command: 'setsid sleep 3600 & echo $!; wait',
      graceMs: 1000,
      resources: { cpu: 0.1, memoryMiB: 64 },
    });
    const plain = await client.instances.submit({
      command: 'echo plain; exec sleep 3600',
      resources: { cpu: 0.1, memoryMiB: 64 },
    });

    const expected: Expected[] = [];
    const submitAll = (async () => {
      for (let at = 0; at < 200; at++) {
        const { command, exitCode, log } = mixedCommand(at, witness);
        const view = await herd.client.instances.submit({
          command,
          resources: { cpu: 0.1, memoryMiB: 64 },
          labels: { at: String(at) },
        });
        expected.push({ view, exitCode, log });
      }
    })();
    await until('a quarter is submitted', () => expected.length > 50, 30_000);
    await herd.killHead();
    await herd.killWorker('w1');
    await Promise.all([herd.startHead(), herd.restartWorker('w1')]);
    await until('half is submitted', () => expected.length > 100, 30_000);
    await herd.killWorker('w2');
    await herd.killHead();
    await herd.startHead();
    await herd.restartWorker('w2');
    await until('three quarters are submitted', () => expected.length > 150, 30_000);
    await Promise.all([herd.killWorker('w1'), herd.killWorker('w2')]);
    await Promise.all([herd.restartWorker('w1'), herd.restartWorker('w2')]);
    await submitAll;

    const daemonPid = Number((await herd.client.instances.logText(daemon.id)).trim());
    expect(processStart(daemonPid)).not.toBeNull();
    for (const each of [stubborn, daemon, plain]) await herd.client.instances.cancel(each.id);
    expect((await herd.client.instances.get(stubborn.id)).displayStatus).toBe('CANCELLING');

    for (const { view, exitCode, log } of expected) {
      const ended = await herd.client.instances.wait(view.id, { timeoutMs: 60_000 });
      expect({
        id: ended.id,
        attempt: ended.attempt,
        exitCode: ended.exitCode,
        status: ended.status,
      }).toEqual({
        id: view.id,
        attempt: 1,
        exitCode,
        status: exitCode === 0 ? 'COMPLETED' : 'FAILED',
      });
      expect(await herd.client.instances.logText(view.id), `log of ${view.labels['at']}`).toBe(log);
    }
    const stops = await Promise.all(
      [stubborn, daemon, plain].map((each) => herd.client.instances.wait(each.id, { timeoutMs: 30_000 })),
    );
    expect(stops.map((each) => [each.status, each.exitCode])).toEqual([
      ['CANCELLED', 137],
      ['CANCELLED', 143],
      ['CANCELLED', 143],
    ]);
    expect(processStart(daemonPid), 'the daemon that left its session').toBeNull();
    expect(await herd.client.instances.logText(stubborn.id)).toBe('stubborn\n');

    const lines = readFileSync(witness, 'utf8').trim().split('\n');
    expect(new Set(lines).size, 'each command ran once').toBe(lines.length);
    expect(lines.filter((line) => line.endsWith(' end')).length).toBe(160);
    expect(lines.every((line) => line.split(' ')[1] === '1')).toBe(true);

    const after = await herd.client.instances.get(service.id);
    expect({ status: after.status, pid: after.pid, attempt: after.attempt }).toEqual({
      status: 'RUNNING',
      pid: running.pid,
      attempt: 1,
    });
    expect(processStart(running.pid ?? 0)).toBe(startOf);
    expect((await fetch(`http://${after.endpoint}/`)).ok).toBe(true);
  }, 120_000);
});
