/** 50 instances run, their worker is killed -9 and started again: how many are lost, and when all are known again. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'drover';
import { gone, serve } from './herd.ts';
import { overRounds, printRow } from './measure.ts';

const INSTANCES = 50;

export async function benchRestart(rounds: number): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'drover-bench-'));
  const head = await serve(['head', '--state', join(dir, 'head'), '--port', '0']);
  const url = head.ready['url'] ?? '';
  const client = new Client({ url, token: readFileSync(head.ready['tokenFile'] ?? '', 'utf8') });
  const { token } = await client.joinTokens.create({ uses: 1 });
  const size = ['--cpus', '1000', '--memory', '1000GiB'];
  const args = ['worker', '--state', join(dir, 'worker'), '--head', url, '--join-token', token, ...size];
  let worker = await serve(args);
  const workerId = worker.ready['workerId'] ?? '';
  try {
    const views = await Promise.all(
      Array.from({ length: INSTANCES }, () => client.instances.submit({ command: 'sleep 3600' })),
    );
    const before = await Promise.all(views.map((view) => client.instances.waitRunning(view.id)));
    const times: number[] = [];
    let lost = 0;
    for (let round = 0; round < rounds; round++) {
      worker.child.kill('SIGKILL');
      await gone(worker.child);
      await client.workers.wait(workerId, { status: 'SUSPECT', timeoutMs: 10_000 });
      const begun = performance.now();
      worker = await serve(args);
      await client.workers.wait(workerId, { status: 'ONLINE', timeoutMs: 30_000 });
      times.push(performance.now() - begun);
      const after = await Promise.all(views.map((view) => client.instances.get(view.id)));
      lost += after.filter((view, at) => {
        const same = view.status === 'RUNNING' && view.attempt === 1 && view.pid === before[at]?.pid;
        return !same || !isAlive(view.pid ?? 0);
      }).length;
    }
    printRow(`${INSTANCES} running, worker killed, started again: lost`, String(lost), `${rounds} rounds`);
    printRow('from its start until all are known again', `${overRounds(times)} ms`, 'min / median / max');
  } finally {
    await client.instances.deleteAll();
    while ((await client.instances.page({}, { limit: 1 })).items.length > 0)
      await new Promise((resolve) => setTimeout(resolve, 50));
    for (const { child } of [worker, head]) {
      child.kill('SIGTERM');
      await gone(child);
    }
    rmSync(dir, { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
