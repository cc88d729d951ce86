/** The witness file: what the commands themselves say, outside of the system. */
import { existsSync, readFileSync } from 'node:fs';
import type { WitnessLine } from '../checkers/facts.ts';

/** @throws when a line is not one of ours: then nothing can be said */
export function readWitness(file: string): WitnessLine[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [what, instance = '', attempt, fence = '', uptime, nonce = '', code] = line.split(' ');
      if ((what !== 'start' && what !== 'end') || nonce === '' || !Number.isInteger(Number(attempt)))
        throw new Error(`the witness file has an odd line: ${line}`);
      const end = what === 'end' ? Number(code) : null;
      return { what, instance, attempt: Number(attempt), fence, uptimeS: Number(uptime), nonce, code: end };
    });
}
