/** What every Store must do: run on the one in memory and on each real one. */
import type { Store, StoredRow } from '@drover/engine';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { COLLECTION_NAMES, RandomBatches, sampleBatch, sampleChange, sampleRow } from './sample-rows.ts';

/** One store under test. `reopen` closes it and opens the same data again; `destroy` removes all. */
export interface StoreUnderTest {
  readonly store: Store;
  reopen(): Promise<Store>;
  destroy(): Promise<void>;
}

const seqs = (rows: readonly StoredRow[]) => rows.map(({ seq }) => seq);

/** Registers the suite. */
export function storeContract(name: string, make: () => Promise<StoreUnderTest>): void {
  describe(`store contract: ${name}`, () => {
    let under: StoreUnderTest;
    let store: Store;
    beforeEach(async () => {
      under = await make();
      store = under.store;
    });
    afterEach(() => under.destroy());

    it('is empty at first', async () => {
      expect(await store.last()).toEqual({ batch: 0, epoch: 0 });
      expect(await store.load('instances')).toEqual([]);
      expect(await store.maxSeq('instances')).toBe(0);
      expect(await store.get('instances', 'none')).toBeNull();
      expect(await store.page({ collection: 'events', limit: 10 })).toEqual([]);
    });

    it('gives rows back as they were, by ascending seq, before and after a reopening', async () => {
      const rows = [3, 1, 2].map((seq) =>
        sampleRow(seq, { name: `n${seq}`, owner: 'jobs/1', rev: 2 ** 45 + seq }),
      );
      await store.commit(sampleBatch(1, rows));
      const sorted = rows.toSorted((a, b) => a.seq - b.seq);
      expect(await store.load('instances')).toEqual(sorted);
      expect(await store.get('instances', sorted[0]?.id ?? '')).toEqual(sorted[0]);
      store = await under.reopen();
      expect(await store.load('instances')).toEqual(sorted);
      expect(await store.last()).toEqual({ batch: 1, epoch: 1 });
    });

    it('keeps every collection apart', async () => {
      const names = COLLECTION_NAMES;
      const changes = names.map((collection, index) => sampleChange(sampleRow(index + 1), collection));
      await store.commit({ number: 1, epoch: 1, changes });
      for (const [index, collection] of names.entries())
        expect(seqs(await store.load(collection))).toEqual([index + 1]);
    });

    it('applies the changes of a batch in order, and batches in order', async () => {
      const row = sampleRow(1);
      await store.commit({
        number: 1,
        epoch: 1,
        changes: [
          sampleChange(row),
          sampleChange({ ...row, status: 'RUNNING' }),
          { op: 'delete', collection: 'instances', id: row.id },
          sampleChange({ ...row, seq: 2 }),
        ],
      });
      expect(await store.load('instances')).toEqual([{ ...row, seq: 2 }]);
      const commits = Array.from({ length: 50 }, (_, index) =>
        store.commit(sampleBatch(index + 2, [{ ...row, seq: 2, rev: index + 2 }])),
      );
      await Promise.all(commits);
      expect((await store.get('instances', row.id))?.rev).toBe(51);
      expect(await store.last()).toEqual({ batch: 51, epoch: 1 });
    });

    it('moves a row whose seq changes', async () => {
      const row = sampleRow(1);
      await store.commit(sampleBatch(1, [row]));
      await store.commit(sampleBatch(2, [{ ...row, seq: 9, status: 'RUNNING' }]));
      expect(await store.load('instances')).toEqual([{ ...row, seq: 9, status: 'RUNNING' }]);
    });

    it('shows a batch to reads as soon as its commit has resolved', async () => {
      for (let number = 1; number <= 20; number++) {
        await store.commit(sampleBatch(number, [sampleRow(number)]));
        expect(seqs(await store.page({ collection: 'instances', limit: 1 }))).toEqual([number]);
      }
    });

    it('stores a batch once', async () => {
      await store.commit(sampleBatch(1, [sampleRow(1)]));
      await store.commit(sampleBatch(2, [sampleRow(2)]));
      await store.commit(sampleBatch(1, [sampleRow(7)]));
      expect(seqs(await store.load('instances'))).toEqual([1, 2]);
      expect(await store.last()).toEqual({ batch: 2, epoch: 1 });
      await store.commit(sampleBatch(3, []));
      expect(await store.last()).toEqual({ batch: 3, epoch: 1 });
    });

    it('refuses an epoch that is over, and stays as it was', async () => {
      await store.commit(sampleBatch(1, [sampleRow(1)], 5));
      await expect(store.commit(sampleBatch(2, [sampleRow(2)], 4))).rejects.toMatchObject({
        failure: 'fatal',
      });
      store = await under.reopen();
      expect(await store.last()).toEqual({ batch: 1, epoch: 5 });
      await store.commit(sampleBatch(2, [sampleRow(2)], 6));
      expect(await store.last()).toEqual({ batch: 2, epoch: 6 });
    });

    it('refuses a stored number that comes from a later epoch', async () => {
      await store.commit(sampleBatch(1, [sampleRow(1)]));
      await expect(store.commit(sampleBatch(1, [sampleRow(2)], 2))).rejects.toMatchObject({
        failure: 'fatal',
      });
    });

    it('refuses a gap, and every batch after it', async () => {
      await store.commit(sampleBatch(1, [sampleRow(1)]));
      const outcome = await Promise.allSettled(
        [3, 2].map((n) => store.commit(sampleBatch(n, [sampleRow(n)]))),
      );
      expect(outcome).toMatchObject([
        { status: 'rejected', reason: { failure: 'fatal' } },
        { status: 'rejected', reason: { failure: 'fatal' } },
      ]);
      expect(seqs(await store.load('instances'))).toEqual([1]);
    });

    it('counts deleted rows in maxSeq, also after a reopening', async () => {
      const rows = [sampleRow(1), sampleRow(2)];
      await store.commit(sampleBatch(1, rows));
      const changes = rows.map(({ id }) => ({ op: 'delete', collection: 'instances', id }) as const);
      await store.commit({ number: 2, epoch: 1, changes });
      expect(await store.load('instances')).toEqual([]);
      expect(await store.maxSeq('instances')).toBe(2);
      store = await under.reopen();
      expect(await store.maxSeq('instances')).toBe(2);
      expect(await store.maxSeq('workers')).toBe(0);
    });

    it('filters and pages in both directions', async () => {
      const statuses = ['PENDING', 'RUNNING', 'FAILED'];
      const rows = Array.from({ length: 30 }, (_, index) =>
        sampleRow(index + 1, {
          status: statuses[index % 3] ?? '',
          name: index % 2 === 0 ? 'even' : 'odd',
          owner: index < 15 ? 'jobs/a' : null,
          project: index % 5 === 0 ? 'lab' : 'default',
        }),
      );
      await store.commit(sampleBatch(1, rows));
      const page = async (filter: object) =>
        seqs(await store.page({ collection: 'instances', limit: 100, ...filter }));
      const expected = (keep: (row: StoredRow) => boolean) => seqs(rows.filter(keep)).reverse();
      expect(await page({})).toEqual(expected(() => true));
      expect(await page({ limit: 3 })).toEqual([30, 29, 28]);
      expect(await page({ limit: 3, beforeSeq: 28 })).toEqual([27, 26, 25]);
      expect(await page({ limit: 3, afterSeq: 0 })).toEqual([1, 2, 3]);
      expect(await page({ limit: 3, afterSeq: 28 })).toEqual([29, 30]);
      expect(await page({ afterSeq: 5, beforeSeq: 8 })).toEqual([6, 7]);
      expect(await page({ limit: 0 })).toEqual([]);
      expect(await page({ name: 'even' })).toEqual(expected((row) => row.name === 'even'));
      expect(await page({ owner: 'jobs/a' })).toEqual(expected((row) => row.owner === 'jobs/a'));
      expect(await page({ project: 'lab' })).toEqual(expected((row) => row.project === 'lab'));
      expect(await page({ project: 'lab', statuses: ['FAILED', 'RUNNING'], limit: 2 })).toEqual([26, 21]);
      expect(await page({ statuses: ['FAILED'] })).toEqual(expected((row) => row.status === 'FAILED'));
      expect(await page({ statuses: ['FAILED', 'RUNNING', 'FAILED'], limit: 4 })).toEqual([30, 29, 27, 26]);
      expect(await page({ statuses: ['FAILED', 'RUNNING'], limit: 4, afterSeq: 3 })).toEqual([5, 6, 8, 9]);
      expect(await page({ statuses: ['NONE'] })).toEqual([]);
      expect(await page({ statuses: [] })).toEqual([]);
      expect(await page({ statuses: ['PENDING'], name: 'odd', owner: 'jobs/a', beforeSeq: 14 })).toEqual([
        10, 4,
      ]);
      expect(seqs(await store.load('instances', ['RUNNING', 'PENDING']))).toEqual(
        expected((row) => row.status !== 'FAILED').reverse(),
      );
    });

    it('reads more rows than travel in one part', async () => {
      const rows = Array.from({ length: 2_500 }, (_, index) => sampleRow(index + 1));
      await store.commit(sampleBatch(1, rows));
      expect(await store.load('instances')).toEqual(rows);
      const page = await store.page({ collection: 'instances', limit: 2_100 });
      expect(page).toEqual(rows.slice(400).reverse());
      expect(seqs(await store.page({ collection: 'instances', afterSeq: 400, limit: 2_000 }))).toEqual(
        seqs(rows.slice(400, 2_400)),
      );
    });

    it.each([1, 2, 3])(
      'D3: holds after a reopening what was acknowledged, row for row (seed %i)',
      async (seed) => {
        const model = new RandomBatches(seed);
        for (let round = 0; round < 3; round++) {
          const batches = Array.from({ length: 15 }, () => model.next());
          await Promise.all(batches.map((batch) => store.commit(batch)));
          store = await under.reopen();
          expect(await store.last()).toEqual({ batch: batches.at(-1)?.number, epoch: 1 });
          for (const name of COLLECTION_NAMES) {
            expect(await store.load(name)).toEqual(model.rows(name));
            expect(await store.maxSeq(name)).toBe(model.highest(name));
          }
        }
      },
    );

    it('keeps large bodies, and text of every kind', async () => {
      const texts = ['\u0000 \u001e \u2028 \\ " \'', '🐑'.repeat(1_000), 'x'.repeat(3_000_000), '{}[]$1?'];
      const rows = texts.map((text, index) =>
        sampleRow(index + 1, { name: `Größe ${index} ñ`, body: JSON.stringify({ text }) }),
      );
      await store.commit(sampleBatch(1, rows));
      store = await under.reopen();
      expect(
        (await store.load('instances')).map(({ body }) => JSON.parse(body).text === texts.shift()),
      ).toEqual(rows.map(() => true));
    });

    it('writes nothing of a batch that it refuses', async () => {
      await store.commit(sampleBatch(1, [sampleRow(1)], 3));
      const late = {
        number: 2,
        epoch: 2,
        changes: [sampleChange(sampleRow(2)), sampleChange(sampleRow(3), 'events')],
      };
      await expect(store.commit(late)).rejects.toMatchObject({ name: 'StoreError', failure: 'fatal' });
      store = await under.reopen();
      expect(seqs(await store.load('instances'))).toEqual([1]);
      expect(await store.load('events')).toEqual([]);
    });

    it('waits for the writes under way when it closes, and takes none afterwards', async () => {
      const commits = [1, 2, 3].map((number) => store.commit(sampleBatch(number, [sampleRow(number)])));
      const reopened = await under.reopen();
      await Promise.all(commits);
      expect(seqs(await reopened.load('instances'))).toEqual([1, 2, 3]);
      await expect(store.commit(sampleBatch(4, []))).rejects.toMatchObject({ failure: 'fatal' });
    });
  });
}
