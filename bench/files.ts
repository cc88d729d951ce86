/** A folder of 20,000 files, sent again after one of them has changed; rsync of the same folder in the same run. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'drover';
import { gone, serve } from './herd.ts';
import { overRounds, printRow, timed } from './measure.ts';

const FILES = 20_000;
const PER_FOLDER = 200;

/** The second send is what a person waits for at each `exec`. */
export async function benchFiles(rounds: number): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'drover-bench-'));
  process.env.XDG_CACHE_HOME = join(dir, 'cache');
  const head = await serve(['head', '--state', join(dir, 'head'), '--port', '0']);
  const token = readFileSync(head.ready['tokenFile'] ?? '', 'utf8');
  const client = new Client({ url: head.ready['url'] ?? '', token });
  const folder = join(dir, 'folder');
  const changed = makeFolder(folder);
  const hasRsync = spawnSync('rsync', ['--version']).status === 0;
  if (!hasRsync) console.log('rsync is not installed: its rows are left out');
  try {
    // What changed a moment ago is read again: a folder that lies still is what is measured.
    await settled();
    const copy = join(dir, 'copy');
    const rsync = (): void => {
      execFileSync('rsync', ['-a', `${folder}/`, copy]);
    };
    const first = await timed(() => client.files.send(folder));
    printRow(`${FILES} files sent for the first time`, `${first.toFixed(0)} ms`);
    if (hasRsync)
      printRow('  rsync -a to another folder', `${(await timed(async () => rsync())).toFixed(0)} ms`);
    const ours: number[] = [];
    const theirs: number[] = [];
    for (let round = 0; round < rounds; round++) {
      writeFileSync(changed, `changed in round ${round}\n`);
      ours.push(
        await timed(async () => {
          const { sentBytes } = await client.files.send(folder);
          if (sentBytes > 100) throw new Error(`${sentBytes} bytes were sent for one change`);
        }),
      );
      if (hasRsync) theirs.push(await timed(async () => rsync()));
    }
    printRow('sent again after one change', `${overRounds(ours)} ms`, 'min / median / max');
    if (hasRsync) printRow('  rsync -a to another folder', `${overRounds(theirs)} ms`, 'min / median / max');
  } finally {
    head.child.kill('SIGTERM');
    await gone(head.child);
    rmSync(dir, { recursive: true, force: true });
  }
}

/** @returns one of its files */
function makeFolder(folder: string): string {
  let path = '';
  for (let at = 0; at < FILES; at++) {
    const part = join(folder, `d${Math.floor(at / PER_FOLDER)}`);
    if (at % PER_FOLDER === 0) mkdirSync(part, { recursive: true });
    path = join(part, `file-${at}.py`);
    writeFileSync(path, `# ${at}\n${'print("a line of code")\n'.repeat(at % 100)}`);
  }
  return path;
}

/** Until the files are older than the time within which the hash cache trusts no clock: 2 s. */
const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 2_500));
