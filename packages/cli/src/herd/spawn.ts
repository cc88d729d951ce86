import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Failure } from '../errors.ts';
import { readText } from './holder.ts';

/** A process that was started in the background and serves. */
export interface Background {
  readonly pid: number;
  /** The line of JSON that it printed. */
  readonly ready: Readonly<Record<string, unknown>>;
}

/** These say which herd and which flags are meant for this call, not for the processes that it starts. */
const OURS =
  /^DROVER_(HEAD|TOKEN|CA|PROJECT|CONTEXT|STATE|STORE|JOIN_TOKEN|PORT|HOST|NAME|ADDRESS|INSTANCE.*|ATTEMPT|WORKERS|CPUS|MEMORY|DISK|GPUS|JSON)$/;

/**
 * Starts `drover VERB` in a session of its own, its log in the folder, and waits until it serves. It outlives this
 * process. @throws {Failure} with the end of its log
 */
export async function startInBackground(
  verb: 'head' | 'worker',
  folder: string,
  args: readonly string[],
  options: { readonly env: Readonly<Record<string, string>>; readonly startMs: number },
): Promise<Background> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const logFile = join(folder, `${verb}.log`);
  const log = openSync(logFile, 'a', 0o600);
  const before = (readText(logFile) ?? '').length;
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([key]) => !OURS.test(key)));
  const script = process.argv[1] ?? '';
  const child = spawn(
    process.execPath,
    [...process.execArgv, script, verb, '--state', folder, '--json', ...args],
    {
      stdio: ['ignore', 'pipe', log],
      detached: true,
      cwd: folder,
      env: { ...inherited, ...options.env },
    },
  );
  closeSync(log);
  const { stdout } = child;
  if (stdout === null) throw new Failure(`the ${verb} has no standard output`);
  const failed = (why: string): Failure => {
    const said = lastWords((readText(logFile) ?? '').slice(before));
    const hint = /^port \d+ is in use/.test(said)
      ? 'choose another with "drover up --port N"; 0 takes a free one'
      : `its log: ${logFile}`;
    return new Failure(`the ${verb} did not start: ${said || why}`, { hint });
  };
  let timer: NodeJS.Timeout | undefined;
  try {
    const line = await new Promise<string>((resolve, reject) => {
      createInterface({ input: stdout }).once('line', resolve);
      child.once('error', (error) => reject(failed(error.message)));
      child.once('exit', (code, signal) => reject(failed(`it ended with ${signal ?? `exit code ${code}`}`)));
      timer = setTimeout(() => {
        child.kill('SIGTERM');
        reject(failed(`it did not serve within ${options.startMs / 1000} s`));
      }, options.startMs);
    });
    return { pid: child.pid ?? -1, ready: JSON.parse(line) as Record<string, unknown> };
  } finally {
    clearTimeout(timer);
    child.removeAllListeners();
    child.on('error', () => undefined);
    stdout.destroy();
    child.unref();
  }
}

/** What the program said itself, not its log lines. */
function lastWords(log: string): string {
  return log
    .split('\n')
    .filter((line) => line.startsWith('drover: ') || line.startsWith('{"error":'))
    .map((line) => (line.startsWith('{') ? messageIn(line) : line.slice('drover: '.length)))
    .slice(-2)
    .join('; ');
}

function messageIn(line: string): string {
  try {
    return (JSON.parse(line) as { error: { message: string } }).error.message;
  } catch {
    return line;
  }
}
