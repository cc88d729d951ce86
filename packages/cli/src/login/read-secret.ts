import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import type { Call } from '../call.ts';
import { Failure, UsageError } from '../errors.ts';

/** Asks for a text that does not appear while it is typed. @throws {UsageError} when nobody can answer */
export async function readSecret(call: Call, question: string): Promise<string> {
  if (!call.terminal.canAsk)
    throw new UsageError(
      'there is no terminal to ask for the token',
      'give it with --token-file FILE, or - for standard input',
    );
  process.stderr.write(question);
  // The interface echoes what is typed to its output: to nowhere.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: nowhere, terminal: true });
  try {
    return await new Promise<string>((resolve, reject) => {
      lines.once('line', resolve);
      lines.once('SIGINT', () => reject(new Failure('interrupted', { exitCode: 130 })));
      lines.once('close', () => resolve(''));
    });
  } finally {
    lines.close();
    process.stderr.write('\n');
  }
}
