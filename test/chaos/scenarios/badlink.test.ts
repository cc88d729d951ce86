/** A bad link under the ordinary times of a head: its lease is long enough for what TCP has to repeat. */
import { beforeAll, expect, it } from 'vitest';
import { pause } from '../harness/shell.ts';
import { closeAtEnd, Stage } from './stage.ts';

let stage: Stage;
beforeAll(async () => {
  const timing = { pingMs: 2_000, leaseMs: 10_000, offlineMs: 45_000 };
  stage = await Stage.open({ workers: { w1: 'veth', w2: 'relay' }, timing });
});
closeAtEnd(() => stage);

it('N6: loss, delay, jitter, reordering and doubles: slower, no flapping, nothing starts twice', async (context) => {
  const { relay } = stage.worker('w2');
  if (relay === null) return context.skip('no compiler or no TUN device here');
  relay.set({ delayMs: 250, jitterMs: 25, loss: 0.15, reorder: 0.1, duplicate: 0.1 });
  const work = async (): Promise<void> => {
    const views = await Promise.all(Array.from({ length: 12 }, () => stage.submit(stage.counting(5), 'w2')));
    for (const { id } of views) {
      expect(await stage.ended(id, 60_000)).toMatchObject({ status: 'COMPLETED', attempt: 1 });
      expect(stage.witness(id).map((line) => line.what)).toEqual(['start', 'end']);
      await stage.expectWholeLog(id, 5);
    }
    await pause(12_000);
  };
  const seen = (await stage.statuses(work())).get('w2') ?? [];
  relay.set({});
  expect(seen).not.toContain('OFFLINE');
  // At most once away and back: the loss is 30 % of the round trips.
  expect(seen.length).toBeLessThanOrEqual(3);
});
