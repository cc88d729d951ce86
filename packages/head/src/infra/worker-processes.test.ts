/** Worker processes of this machine: what their end leaves alone. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { WorkerProcesses } from './worker-processes.ts';

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'drover-processes-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

it('the folder of a worker goes with what lies in it; none is no error', async () => {
  const processes = new WorkerProcesses(root, ['true']);
  mkdirSync(join(root, 'drover-1', 'state'), { recursive: true });
  for (let times = 0; times < 2; times++) await processes.erase('drover-1');
  expect(existsSync(join(root, 'drover-1'))).toBe(false);
});

it.skipIf(spawnSync('unshare', ['-rm', 'true']).status !== 0)(
  'a folder in which something is mounted stays, and is named',
  () => {
    const theirs = join(root, 'theirs');
    const data = join(root, 'drover-1', 'state', 'homes', 'n', 'data');
    for (const path of [theirs, data]) mkdirSync(path, { recursive: true });
    writeFileSync(join(theirs, 'precious'), '');
    const module = JSON.stringify(new URL('worker-processes.ts', import.meta.url).href);
    const program = `import { WorkerProcesses } from ${module};
await new WorkerProcesses(${JSON.stringify(root)}, ["true"]).erase("drover-1");`;
    const tsx = `node --import tsx --input-type=module -e '${program}'`;
    const ended = spawnSync('unshare', ['-rm', 'sh', '-c', `mount --bind ${theirs} ${data} && ${tsx}`], {
      encoding: 'utf8',
    });
    expect(ended.stderr).toContain(`something is mounted at ${data}: unmount it`);
    expect(existsSync(join(theirs, 'precious'))).toBe(true);
  },
);
