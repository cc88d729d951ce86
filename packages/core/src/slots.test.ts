import { describe, expect, it } from 'vitest';
import { Slots } from './slots.ts';

/** Work that ends when told to, and notes when it begins. */
function makeWork() {
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const work = (name: string) => async (): Promise<string> => {
    begun.push(name);
    await new Promise<void>((resolve) => ends.set(name, resolve));
    return name;
  };
  const end = async (name: string): Promise<void> => {
    ends.get(name)?.();
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  };
  return { begun, work, end };
}

describe('slots', () => {
  it('run so many pieces at once, and the next when one has ended, also when it failed', async () => {
    const slots = new Slots(2);
    const { begun, work, end } = makeWork();
    const failed = slots.use(async () => {
      await work('a')();
      throw new Error('broken');
    });
    const outcome = expect(failed).rejects.toThrow('broken');
    const others = ['b', 'c'].map((name) => slots.use(work(name)));
    expect(begun).toEqual(['a', 'b']);
    await end('a');
    expect(begun).toEqual(['a', 'b', 'c']);
    await end('b');
    await end('c');
    await outcome;
    expect(await Promise.all(others)).toEqual(['b', 'c']);
  });

  it('are given to each that waits in turn, however much one of them waits with', async () => {
    const slots = new Slots(1);
    const { begun, work, end } = makeWork();
    const ana = ['a1', 'a2', 'a3', 'a4'].map((name) => slots.use(work(name), 'ana'));
    const ben = ['b1', 'b2'].map((name) => slots.use(work(name), 'ben'));
    for (const name of ['a1', 'a2', 'b1', 'a3', 'b2', 'a4']) {
      expect(begun.at(-1)).toBe(name);
      await end(name);
    }
    await Promise.all([...ana, ...ben]);
    expect(begun).toHaveLength(6);
  });
});
