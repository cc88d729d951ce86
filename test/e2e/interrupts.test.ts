/** I17: Ctrl-C at every moment of a command leaves nothing half that cannot be seen and cleaned. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { DROVER, RealHerd, until } from './real-herd.ts';

const herd = new RealHerd();
const folder = mkdtempSync(join(tmpdir(), 'drover-i17-'));

beforeAll(async () => {
  await herd.startHead();
  await herd.addWorker('one', ['--cpus', '64', '--memory', '64GiB']);
  for (let at = 0; at < 50; at += 1) writeFileSync(join(folder, `file-${at}`), `${at}\n`.repeat(1_000));
}, 60_000);
afterAll(async () => {
  await herd.close();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

it('I17: a launch that is interrupted at any moment is either not there, or goes on and can be taken down', async () => {
  const moments = Array.from({ length: 16 }, (_, at) => 15 * at);
  const codes = new Set<string>();
  for (const [at, afterMs] of moments.entries()) {
    const env = { ...process.env, DROVER_HEAD: herd.url, DROVER_TOKEN: herd.token, HOME: folder };
    const words = ['launch', '-y', '-c', `i${at}`, '--workdir', folder, '--', 'sleep 0.1; echo through'];
    const child = spawn(DROVER, words, { env, stdio: ['ignore', 'ignore', 'pipe'] });
    let err = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      err += chunk.toString();
    });
    const ended = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
    await new Promise((resolve) => setTimeout(resolve, afterMs));
    child.kill('SIGINT');
    const [code, signal] = await ended;
    codes.add(signal ?? (code === 1 ? err : String(code)));
  }
  // Before it is ready the signal itself ends it, which a shell shows as 130 too.
  for (const code of codes) expect(['130', 'SIGINT', '0']).toContain(code);
  for await (const request of herd.client.requests.list()) await herd.client.requests.wait(request.id);
  for (const { name, status } of await herd.client.clusters.list()) {
    expect(status).toBe('UP');
    await (await herd.client.clusters.down(name)).get();
  }
  await until('nothing is left', async () => {
    const { items } = await herd.client.instances.page({ status: ['ASSIGNED', 'RUNNING', 'PENDING'] });
    return items.length === 0 && (await herd.client.clusters.list()).length === 0;
  });
});
