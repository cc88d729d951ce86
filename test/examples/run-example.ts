/** Runs an example as its reader would: with tsx or sh, against the built package. */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** @param name a program in TypeScript, or with `.sh` a script. @returns what it printed. @throws with what it printed, when it fails, takes longer than 40 s or leaves a process */
export async function runExample(
  name: string,
  { env = {}, args = [] }: { env?: Readonly<Record<string, string>>; args?: readonly string[] } = {},
): Promise<string> {
  // Of the user's own herd and settings nothing may be found.
  const home = await mkdtemp(join(tmpdir(), 'drover-example-'));
  try {
    const [program, file] = name.endsWith('.sh')
      ? ['sh', [join(root, 'examples', name)]]
      : [process.execPath, [join(root, 'node_modules/tsx/dist/cli.mjs'), join(root, `examples/${name}.ts`)]];
    const { stdout } = await promisify(execFile)(program, [...file, ...args], {
      cwd: home,
      // Without the paths of the root's tsconfig `drover` is the package, not its sources.
      env: {
        PATH: `${join(root, 'bin')}:${process.env.PATH}`,
        HOME: home,
        TSX_TSCONFIG_PATH: join(root, 'tsconfig.base.json'),
        NO_COLOR: '1',
        ...env,
      },
      timeout: 40_000,
    });
    await nothingLeft(home);
    return stdout;
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

/** Whatever an example starts bears its home in the environment. */
async function nothingLeft(home: string): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    const left: string[] = [];
    for (const pid of await readdir('/proc')) {
      const environ = /^\d+$/.test(pid) ? await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '') : '';
      if (environ.includes(`HOME=${home}\0`)) left.push(pid);
    }
    if (left.length === 0) return;
    if (tries === 50) throw new Error(`processes were left: ${left.join(', ')}`);
    await sleep(100);
  }
}
