/** What every provider of machines promises, whatever its machines are. One suite, run on each of them. */
import { type MachineOrder, ProviderError, type ProviderMachine, type ProviderPort } from '@drover/engine';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** A provider, with what the suite needs besides. */
export interface ProviderUnderTest {
  readonly provider: ProviderPort;
  /** The same provider as a head that starts anew finds it; the one before is not used any more. */
  reopen(): Promise<ProviderPort>;
  /** Lets go of everything. */
  close(): Promise<void>;
}

const LOOK_MS = 50;
const LIMIT_MS = 30_000;

/** @param makeTag a tag as the engine makes them, another one each time */
export function describeProvider(name: string, make: () => Promise<ProviderUnderTest>): void {
  describe(`${name} keeps the contract of providers`, { timeout: 60_000 }, () => {
    let under: ProviderUnderTest;
    let provider: ProviderPort;
    let count = 0;
    const used: string[] = [];

    beforeAll(async () => {
      under = await make();
      provider = under.provider;
    }, 60_000);
    afterAll(async () => {
      for (const tag of used) await provider?.terminate(tag);
      await under?.close();
    }, 60_000);

    const newTag = (): string => {
      count += 1;
      const tag = `drover-0123456789ab-${String(count).padStart(32, '0')}`;
      used.push(tag);
      return tag;
    };
    const order = async (tag: string, changes: Partial<MachineOrder> = {}): Promise<MachineOrder> => {
      const [first] = await provider.catalogue();
      if (!first) throw new Error('nothing is on offer');
      const { type, region, zone, pricePerHour } = first;
      const join = { url: 'http://127.0.0.1:9', token: 'drvj_contract' };
      const plain = {
        tag,
        type,
        region,
        zone,
        spot: false,
        name: 'contract',
        join,
        maxPricePerHour: pricePerHour,
      };
      return { ...plain, ...changes };
    };
    const find = async (tag: string): Promise<ProviderMachine | undefined> =>
      (await provider.list()).find((machine) => machine.tag === tag);
    const reach = async (what: string, holds: () => Promise<boolean>): Promise<void> => {
      const until = performance.now() + LIMIT_MS;
      while (!(await holds())) {
        if (performance.now() > until) throw new Error(`not reached: ${what}`);
        await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      }
    };
    const isIn = (tag: string, status: string | undefined) => async (): Promise<boolean> =>
      (await find(tag))?.status === status;

    it('names its infra in everything that it offers', async () => {
      const types = await provider.catalogue();
      expect(types.length).toBeGreaterThan(0);
      for (const type of types) {
        expect(type.infra).toBe(provider.infra);
        expect(type.cpus).toBeGreaterThan(0);
        expect(type.memoryMiB).toBeGreaterThan(0);
        expect(type.pricePerHour).toBeGreaterThanOrEqual(0);
      }
    });

    it('makes one machine of two orders with one tag', async () => {
      const tag = newTag();
      const [first, second] = [
        await provider.create(await order(tag)),
        await provider.create(await order(tag)),
      ];
      expect(first).toMatchObject({ tag });
      expect(second.id).toBe(first.id);
      await reach('it runs', isIn(tag, 'running'));
      expect((await provider.list()).filter((machine) => machine.tag === tag)).toHaveLength(1);
      await provider.terminate(tag);
    });

    it('stops and starts, and saying it twice is saying it once', async () => {
      if (!provider.features.stop) return;
      const tag = newTag();
      await provider.create(await order(tag));
      await reach('it runs', isIn(tag, 'running'));
      await provider.stop(tag);
      await provider.stop(tag);
      await reach('it is stopped', isIn(tag, 'stopped'));
      await provider.start(tag);
      await provider.start(tag);
      await reach('it runs again', isIn(tag, 'running'));
      await provider.terminate(tag);
    });

    it('removes without a trace, and saying it twice is saying it once', async () => {
      const tag = newTag();
      await provider.create(await order(tag));
      await provider.terminate(tag);
      await provider.terminate(tag);
      await reach('it is gone', isIn(tag, undefined));
    });

    it('removes what is stopped', async () => {
      if (!provider.features.stop) return;
      const tag = newTag();
      await provider.create(await order(tag));
      await reach('it runs', isIn(tag, 'running'));
      await provider.stop(tag);
      await provider.terminate(tag);
      await reach('it is gone', isIn(tag, undefined));
    });

    it('takes it well when there is nothing to stop or remove', async () => {
      const tag = newTag();
      await provider.stop(tag);
      await provider.terminate(tag);
      expect(await find(tag)).toBeUndefined();
    });

    it('refuses what it does not have, and makes nothing', async () => {
      const tag = newTag();
      const refused = provider.create(await order(tag, { type: 'no-such-type' }));
      await expect(refused).rejects.toBeInstanceOf(ProviderError);
      await expect(refused).rejects.toMatchObject({ failure: 'INVALID' });
      expect(await find(tag)).toBeUndefined();
    });

    it('a start of what it does not know is refused', async () => {
      await expect(provider.start(newTag())).rejects.toMatchObject({ failure: 'INVALID' });
    });

    it('knows its machines again when the head starts anew', async () => {
      const tag = newTag();
      const made = await provider.create(await order(tag));
      await reach('it runs', isIn(tag, 'running'));
      provider = await under.reopen();
      expect(await find(tag)).toMatchObject({ tag, id: made.id, status: 'running' });
      expect((await provider.create(await order(tag))).id).toBe(made.id);
      await provider.terminate(tag);
      await reach('it is gone', isIn(tag, undefined));
    });
  });
}
