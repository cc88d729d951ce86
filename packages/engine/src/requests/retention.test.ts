import { SIM_ACTOR, SimHerd } from '@drover/testkit';
import { expect, it } from 'vitest';

it('short calls are kept for an hour, the newest thousand of them', async () => {
  const herd = new SimHerd(7);
  await herd.startHead();
  const { engine, clock } = herd;
  if (!engine) throw new Error('no head');
  const { requests } = engine.work;
  const kept = (): number[] =>
    [...engine.state.tables.requests.all()].map(({ result }) => result as number).sort((a, b) => a - b);
  for (let at = 0; at < 1_200; at += 1) requests.record(SIM_ACTOR, { verb: 'status' }, { result: at });
  expect(await clock.until(() => kept().length === 1_000, clock.nowMs + 120_000)).toBe(true);
  expect([kept()[0], kept().at(-1)]).toEqual([200, 1_199]);
  expect(await clock.until(() => kept().length === 0, clock.nowMs + 3_500_000)).toBe(false);
  expect(await clock.until(() => kept().length === 0, clock.nowMs + 300_000)).toBe(true);
});
