/** Identities of workers on virtual time: renewed, expired, revoked. */
import type { WorkerId } from '@drover/core';
import { codeOf, SIM_ACTOR, SimHerd, sampleOffer } from '@drover/testkit';
import { describe, expect, it } from 'vitest';
import { IDENTITY_TTL_MS } from './identities.ts';

const ID = '11111111-1111-4111-8111-111111111111' as WorkerId;

async function joined(): Promise<{
  herd: SimHerd;
  token: string;
  join: (identity?: string) => { token: string };
}> {
  const herd = new SimHerd(5);
  await herd.startHead();
  const join = (identity?: string) => {
    const { engine } = herd;
    if (!engine) throw new Error('no head');
    const { token } = engine.joinTokens.create(SIM_ACTOR, { uses: 1, ttlS: 600 });
    return engine.workers.join(SIM_ACTOR, engine.joinTokens.check(token, ID), {
      workerId: ID,
      ...(identity !== undefined && { identity }),
    });
  };
  return { herd, token: join().token, join };
}
const identitiesOf = (herd: SimHerd) => {
  if (!herd.engine) throw new Error('no head');
  return herd.engine.workers.identities;
};
const pass = async (herd: SimHerd, ms: number): Promise<void> => {
  herd.skewHead(ms);
  await herd.clock.until(() => false, herd.clock.nowMs + 100);
};

describe('the identity of a worker', () => {
  it('is renewed with the one that is good; that stays good until the new one is used, also over a kill', async () => {
    const { herd, token } = await joined();
    const lost = identitiesOf(herd).renew(ID).token;
    const next = identitiesOf(herd).renew(ID).token;
    await pass(herd, 100);
    herd.killHead();
    await herd.startHead();
    expect(identitiesOf(herd).authenticate(lost)).toBeNull();
    expect(identitiesOf(herd).authenticate(token)).toBe(ID);
    expect(identitiesOf(herd).authenticate(next)).toBe(ID);
    expect(identitiesOf(herd).authenticate(token)).toBeNull();
    expect(identitiesOf(herd).authenticate(next)).toBe(ID);
  });

  it('ends after its time, and renewing it puts that off', async () => {
    const { herd, token } = await joined();
    await pass(herd, IDENTITY_TTL_MS - 1_000);
    const next = identitiesOf(herd).renew(ID).token;
    expect(identitiesOf(herd).authenticate(next)).toBe(ID);
    await pass(herd, IDENTITY_TTL_MS - 1_000);
    expect(identitiesOf(herd).authenticate(next)).toBe(ID);
    await pass(herd, 2_000);
    expect([identitiesOf(herd).authenticate(next), identitiesOf(herd).authenticate(token)]).toEqual([
      null,
      null,
    ]);
  });

  it('that has expired joins again as itself with a join token; nobody else becomes that worker', async () => {
    const { herd, token, join } = await joined();
    const { engine } = herd;
    engine?.state.transact(SIM_ACTOR, (tx) => {
      const row = tx.get('workers', ID);
      if (row) tx.put('workers', { ...row, offer: sampleOffer() });
    });
    expect(codeOf(() => join(token))).toBe('WORKER_IDENTITY_IN_USE');
    await pass(herd, IDENTITY_TTL_MS + 1_000);
    expect(codeOf(() => join('drvw_another'))).toBe('WORKER_IDENTITY_IN_USE');
    expect(codeOf(() => join())).toBe('WORKER_IDENTITY_IN_USE');
    const again = join(token).token;
    expect(identitiesOf(herd).authenticate(again)).toBe(ID);
    expect([...(engine?.state.tables.workers.all() ?? [])]).toHaveLength(1);
  });

  it('that is revoked lets nobody in, is not renewed, and its link is cut at once', async () => {
    const { herd, token } = await joined();
    const worker = await herd.addWorker(4);
    const { engine } = herd;
    const isOnline = (): boolean => engine?.state.tables.workers.get(worker.id)?.status === 'ONLINE';
    expect(await herd.clock.until(isOnline, herd.clock.nowMs + 10_000)).toBe(true);
    engine?.workers.revoke(SIM_ACTOR, worker.id);
    engine?.workers.revoke(SIM_ACTOR, ID);
    expect(identitiesOf(herd).authenticate(token)).toBeNull();
    expect(codeOf(() => identitiesOf(herd).renew(ID))).toBe('WORKER_NOT_FOUND');
    expect(engine?.links.get(worker.id)).toBeUndefined();
    const isOffline = (): boolean => engine?.state.tables.workers.get(worker.id)?.status === 'OFFLINE';
    expect(await herd.clock.until(isOffline, herd.clock.nowMs + 60_000)).toBe(true);
    engine?.workers.delete(SIM_ACTOR, worker.id);
    expect(engine?.state.tables.identities.get(worker.id)?.status).toBe('REVOKED');
  });

  it('is given again with the very token that made it, before its worker was there, and with no other', async () => {
    const herd = new SimHerd(6);
    await herd.startHead();
    const { engine } = herd;
    if (!engine) throw new Error('no head');
    const [first, other] = [1, 2].map(
      () => engine.joinTokens.create(SIM_ACTOR, { uses: 1, ttlS: 600 }).token,
    );
    const join = (token = '') =>
      engine.workers.join(SIM_ACTOR, engine.joinTokens.check(token, ID), { workerId: ID }).token;
    const lost = join(first);
    const again = join(first);
    expect([identitiesOf(herd).authenticate(lost), identitiesOf(herd).authenticate(again)]).toEqual([
      null,
      ID,
    ]);
    expect(codeOf(() => join(other))).toBe('WORKER_IDENTITY_IN_USE');
    expect(identitiesOf(herd).authenticate(again)).toBe(ID);
    // Used up: for another worker it is nothing.
    const stranger = '22222222-2222-4222-8222-222222222222';
    expect(codeOf(() => engine.joinTokens.check(first ?? '', stranger))).toBe('JOIN_TOKEN_INVALID');
    engine.workers.revoke(SIM_ACTOR, ID);
    expect(codeOf(() => join(first))).toBe('FORBIDDEN');
  });

  it('is given again to the worker of a machine with another token of that machine, and not when it has connected', async () => {
    const herd = new SimHerd(6);
    await herd.startHead();
    const { engine } = herd;
    if (!engine) throw new Error('no head');
    const type = {
      infra: 'pool/default',
      type: 'x',
      region: null,
      zone: null,
      pricePerHour: 0,
      spotPricePerHour: 0,
    };
    const machine = engine.state.transact(SIM_ACTOR, (tx) => {
      const wish = { project: 'default', name: 'one', owner: 'infra/pool/default', type, requestedBy: 'ann' };
      const wanted = engine.machines.want(tx, wish);
      tx.put('machines', { ...wanted, status: 'CREATING' });
      return wanted;
    });
    const join = () => {
      const token = engine.joinTokens.createFor(machine, 600_000);
      return engine.workers.join(SIM_ACTOR, engine.joinTokens.check(token, ID), { workerId: ID }).token;
    };
    const lost = join();
    const again = join();
    expect([lost, again].map((token) => identitiesOf(herd).authenticate(token))).toEqual([null, ID]);
    engine.state.transact(SIM_ACTOR, (tx) => {
      const row = tx.get('workers', ID);
      if (row) tx.put('workers', { ...row, offer: sampleOffer() });
    });
    expect(codeOf(join)).toBe('WORKER_IDENTITY_IN_USE');
    expect(identitiesOf(herd).authenticate(again)).toBe(ID);
  });

  it('that is shown after it was replaced is refused, and told once', async () => {
    const { herd, token } = await joined();
    identitiesOf(herd).authenticate(identitiesOf(herd).renew(ID).token);
    herd.skewHead(120_000);
    for (let at = 0; at < 5; at += 1) expect(identitiesOf(herd).authenticate(token)).toBeNull();
    let items: { type: string; noun: string }[] | null = null;
    void herd.engine?.audit.list({ limit: 100, result: 'denied' }).then((page) => {
      items = page.items;
    });
    expect(await herd.clock.until(() => items !== null, herd.clock.nowMs + 10_000)).toBe(true);
    expect(items).toMatchObject([{ noun: 'workers', type: 'deny', reason: { code: 'IDENTITY_REUSED' } }]);
  });
});
