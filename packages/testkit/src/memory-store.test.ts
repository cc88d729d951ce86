import { describe, expect, it } from 'vitest';
import { MemoryStore } from './memory-store.ts';
import { sampleBatch, sampleRow } from './sample-rows.ts';
import { storeContract } from './store-contract.ts';

storeContract('memory', async () => {
  let store = new MemoryStore();
  return {
    store,
    async reopen() {
      await store.close();
      store = store.crash();
      return store;
    },
    destroy: () => store.close(),
  };
});

describe('MemoryStore', () => {
  it('fails as ordered, refuses what follows in the same way, and takes the same batches again', async () => {
    const store = new MemoryStore();
    store.failNext('full', 2);
    const batches = [1, 2, 3].map((number) => sampleBatch(number, [sampleRow(number)]));
    const attempt = () => Promise.allSettled(batches.map((batch) => store.commit(batch)));
    for (let i = 0; i < 2; i++) {
      const outcome = await attempt();
      expect(outcome.map((result) => result.status === 'rejected' && result.reason.failure)).toEqual([
        'full',
        'full',
        'full',
      ]);
      expect(await store.last()).toEqual({ batch: 0, epoch: 0 });
    }
    expect((await attempt()).map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled']);
    store.failNext('fatal');
    await expect(store.commit(sampleBatch(4, []))).rejects.toMatchObject({ failure: 'fatal' });
    await expect(store.commit(sampleBatch(4, []))).rejects.toMatchObject({ failure: 'fatal' });
  });

  it('holds writes while paused, and loses them in a crash but for those that had reached the disk', async () => {
    const store = new MemoryStore();
    await store.commit(sampleBatch(1, [sampleRow(1)]));
    store.pause();
    let answered = 0;
    for (const number of [2, 3, 4])
      store.commit(sampleBatch(number, [sampleRow(number)])).then(
        () => answered++,
        () => answered++,
      );
    expect(store.pending).toBe(3);
    const after = store.crash(1);
    store.resume();
    await Promise.resolve();
    expect(answered).toBe(0);
    expect(await after.last()).toEqual({ batch: 2, epoch: 1 });
    await after.commit(sampleBatch(3, [sampleRow(3)]));
    expect((await after.load('instances')).map(({ seq }) => seq)).toEqual([1, 2, 3]);
    expect(await store.get('instances', sampleRow(3).id)).toBeNull();
  });

  it('writes when its schedule says so', async () => {
    const due: (() => void)[] = [];
    const store = new MemoryStore({ schedule: (write) => due.push(write) });
    const commit = store.commit(sampleBatch(1, [sampleRow(1)]));
    expect(await store.load('instances')).toEqual([]);
    due.shift()?.();
    expect(await store.load('instances')).toHaveLength(1);
    await commit;
  });
});
