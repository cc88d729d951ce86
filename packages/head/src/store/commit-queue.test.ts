import type { Batch } from '@drover/engine';
import { expect, it } from 'vitest';
import { CommitQueue } from './commit-queue.ts';
import type { CommitResults, PackedBatch } from './messages.ts';

const batch = (number: number): Batch => ({ number, epoch: 1, changes: [] });

/** A queue whose writes end when the test says so. */
function heldQueue() {
  const groups: { numbers: number[]; answer(results: CommitResults): void }[] = [];
  const queue = new CommitQueue(
    (group: readonly PackedBatch[]) =>
      new Promise((resolve) => groups.push({ numbers: group.map(({ number }) => number), answer: resolve })),
  );
  const next = async () => {
    for (let turn = 0; turn < 20 && groups.length === 0; turn++) await Promise.resolve();
    const group = groups.shift();
    if (!group) throw new Error('nothing is being written');
    return group;
  };
  return { queue, next };
}

it('gathers what comes while a group is written, with a limit on the next one', async () => {
  const { queue, next } = heldQueue();
  const done = Array.from({ length: 300 }, (_, index) => queue.add(batch(index + 1)));
  const first = await next();
  expect(first.numbers).toHaveLength(256);
  first.answer(first.numbers.map(() => null));
  const second = await next();
  expect(second.numbers).toHaveLength(44);
  second.answer(second.numbers.map(() => null));
  await Promise.all(done);
});

it('refuses what follows on a refused batch until that one comes again', async () => {
  const { queue, next } = heldQueue();
  const outcome = (work: Promise<void>) =>
    work.then(
      () => 'stored',
      (error: { failure: string }) => error.failure,
    );
  const one = outcome(queue.add(batch(1)));
  const first = await next();
  const two = outcome(queue.add(batch(2)));
  first.answer([{ failure: 'full', message: 'no room' }]);
  expect(await Promise.all([one, two])).toEqual(['full', 'full']);
  expect(await outcome(queue.add(batch(2)))).toBe('full');
  const again = [1, 2].map((number) => outcome(queue.add(batch(number))));
  const second = await next();
  expect(second.numbers).toEqual([1, 2]);
  second.answer([null, null]);
  expect(await Promise.all(again)).toEqual(['stored', 'stored']);
});

it('limits how many may wait, and closes after those that are here', async () => {
  const { queue, next } = heldQueue();
  const waiting = Array.from({ length: 10_000 }, (_, index) => queue.add(batch(index + 1)));
  await expect(queue.add(batch(10_001))).rejects.toMatchObject({ failure: 'busy' });
  let closed = false;
  const closing = queue.close().then(() => {
    closed = true;
  });
  await expect(queue.add(batch(10_001))).rejects.toMatchObject({ failure: 'fatal' });
  for (let stored = 0; stored < 10_000; ) {
    expect(closed).toBe(false);
    const group = await next();
    group.answer(group.numbers.map(() => null));
    stored += group.numbers.length;
  }
  await Promise.all([...waiting, closing]);
});
