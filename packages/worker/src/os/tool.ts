/** Runs a vendor's tool that may be absent, broken or stuck. */
import { execFile } from 'node:child_process';
import { hasCode } from './atomic.ts';

const TIMEOUT_MS = 10_000;
const OUTPUT_BYTES = 4 * 1024 * 1024;

export type ToolResult =
  | { readonly kind: 'ok'; readonly output: string }
  | { readonly kind: 'absent' }
  | { readonly kind: 'broken'; readonly why: string };

/** Never rejects. `path` overrides PATH. */
export function runTool(name: string, args: readonly string[], path = process.env.PATH): Promise<ToolResult> {
  const options = {
    timeout: TIMEOUT_MS,
    killSignal: 'SIGKILL' as const,
    maxBuffer: OUTPUT_BYTES,
    env: { ...process.env, PATH: path, LC_ALL: 'C' },
  };
  return new Promise((resolve) => {
    execFile(name, args, options, (error, stdout, stderr) => {
      if (error === null) resolve({ kind: 'ok', output: stdout });
      else if (hasCode(error, 'ENOENT', 'EACCES')) resolve({ kind: 'absent' });
      else if (error.killed === true)
        resolve({ kind: 'broken', why: `no answer within ${TIMEOUT_MS / 1000} s` });
      else resolve({ kind: 'broken', why: (stderr.trim() || stdout.trim() || error.message).slice(0, 200) });
    });
  });
}
