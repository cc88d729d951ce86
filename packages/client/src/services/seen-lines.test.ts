import { DroverError } from '@drover/core';
import { describe, expect, it } from 'vitest';
import { resumed } from './seen-lines.ts';

/** Each reading of the stream: what comes, and whether it breaks off then. */
async function readAll(readings: readonly { lines: readonly string[]; breaks?: Error }[]): Promise<string[]> {
  let at = 0;
  async function* open(): AsyncGenerator<string> {
    const reading = readings[at++];
    yield* reading?.lines ?? [];
    if (reading?.breaks) throw reading.breaks;
  }
  const lines: string[] = [];
  for await (const line of resumed(open, undefined)) lines.push(line);
  return lines;
}

describe('a stream of lines that breaks off', () => {
  const breaks = new DroverError('SHUTTING_DOWN');

  it('goes on after what has come, in whatever order its nodes come then', async () => {
    const lines = await readAll([
      { lines: ['Setup.\n', '(t, rank=0) a\n', '(t, rank=1) x\n', '(t, rank=0) b\n'], breaks },
      {
        lines: ['Setup.\n', '(t, rank=1, pid=7) x\n', '(t, rank=1, pid=7) y\n', '(t, rank=0, pid=8) a\n'],
        breaks,
      },
      {
        lines: [
          'Setup.\n',
          '(t, rank=0, pid=8) a\n',
          '(t, rank=0, pid=8) b\n',
          '(t, rank=0, pid=8) b\n',
          'End.\n',
        ],
      },
    ]);
    expect(lines).toEqual([
      'Setup.\n',
      '(t, rank=0) a\n',
      '(t, rank=1) x\n',
      '(t, rank=0) b\n',
      '(t, rank=1, pid=7) y\n',
      '(t, rank=0, pid=8) b\n',
      'End.\n',
    ]);
  });

  it('is not read again when the head has refused', async () => {
    await expect(readAll([{ lines: ['a\n'], breaks: new Error('refused') }])).rejects.toThrow('refused');
  });
});
