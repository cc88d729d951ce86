import { createInterface } from 'node:readline/promises';
import type { Call } from './call.ts';
import { UsageError } from './errors.ts';
import { oneLine } from './text/sanitize.ts';

/**
 * Asks before something that cannot be undone. @returns false for anything but yes
 * @throws {UsageError} when nobody can answer
 */
export async function confirm(call: Call, question: string, yes: boolean | undefined): Promise<boolean> {
  if (yes) return true;
  if (!call.terminal.canAsk)
    throw new UsageError('this asks before it acts, and there is no terminal', 'say -y to go on without');
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const closed = new Promise<string>((resolve) => lines.once('close', () => resolve('')));
    const answer = await Promise.race([lines.question(`${oneLine(question)} [y/N] `), closed]);
    if (/^y(es)?$/i.test(answer.trim())) return true;
    call.terminal.say('nothing was done');
    return false;
  } finally {
    lines.close();
  }
}
