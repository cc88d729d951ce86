import { expect, test } from 'vitest';
import { type LogReading, readLogFrom } from './log-stream.ts';
import type { Machine } from './ports.ts';

const TEXT = 'abcdefghij';

/** A log of which the bytes before `trimmedTo` are gone; each read first moves it on as `moves` say. */
function readingOf(moves: number[], rest: Partial<LogReading> = {}): LogReading {
  let trimmedTo = 0;
  const machine: Pick<Machine, 'logExtent' | 'readLog' | 'watchLog'> = {
    logExtent: async () => ({ available: trimmedTo, size: TEXT.length }),
    async readLog(_, offset, limit) {
      trimmedTo = moves.shift() ?? trimmedTo;
      if (offset < trimmedTo) throw new RangeError('gone');
      return Buffer.from(TEXT.slice(offset, Math.min(offset + limit, offset + 3)));
    },
    watchLog: () => ({ close: () => undefined }),
  };
  return {
    machine: machine as Machine,
    key: { instance: 'i', attempt: 1 },
    offset: 0,
    limit: TEXT.length,
    follow: false,
    isComplete: () => true,
    onProgress: () => () => undefined,
    ...rest,
  };
}

async function all(reading: LogReading): Promise<string> {
  let text = '';
  for await (const chunk of readLogFrom(reading)) text += Buffer.from(chunk).toString();
  return text;
}

test('it reads to the end, and no more than was asked for', async () => {
  expect(await all(readingOf([]))).toBe(TEXT);
  expect(await all(readingOf([], { offset: 2, limit: 5 }))).toBe('cdefg');
});

test.each([false, true])(
  'where bytes were trimmed meanwhile the stream is cut (follow: %s)',
  async (follow) => {
    let text = '';
    const read = async (): Promise<void> => {
      for await (const chunk of readLogFrom(readingOf([0, 5], { follow })))
        text += Buffer.from(chunk).toString();
    };
    await expect(read()).rejects.toThrow('gone');
    expect(text).toBe('abc');
  },
);

test('a log that is removed before all that was announced went out cuts the stream', async () => {
  const reading = readingOf([]);
  let reads = 0;
  const removed: Partial<Machine> = {
    logExtent: async () => ({ available: 0, size: reads > 1 ? 0 : TEXT.length }),
    readLog: async () => Buffer.from(reads++ === 0 ? 'abc' : ''),
  };
  const machine = { ...reading.machine, ...removed } as Machine;
  await expect(all({ ...reading, machine })).rejects.toThrow('7 bytes before');
});

test('any other failure ends the stream', async () => {
  const reading = readingOf([]);
  const broken = { ...reading.machine, readLog: () => Promise.reject(new Error('EIO')) } as Machine;
  await expect(all({ ...reading, machine: broken })).rejects.toThrow('EIO');
});
