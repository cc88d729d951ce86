import { fits } from '@drover/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { explainUnit, positionOf } from './explain.ts';
import { Ledger } from './ledger.ts';
import { runPass } from './pass.ts';
import type { Capacity, Demand, Unit } from './types.ts';

const worker = (
  id: string,
  cpu: number,
  memoryMiB = 10_000,
  gpus = 0,
  status: Capacity['status'] = 'ONLINE',
): Capacity => ({
  worker: id,
  host: id,
  status,
  total: { cpu, memoryMiB, diskMiB: 0, gpus, ports: 100 },
  gpuIndices: Array.from({ length: gpus }, (_, at) => at),
  place: 'pool/default',
  type: 'any',
  homes: true,
  paused: null,
});
let seq = 0;
const unit = (
  want: { cpu?: number; memoryMiB?: number; gpus?: number } & Partial<Demand> & {
      priority?: number;
      members?: number;
    },
): Unit => {
  seq += 1;
  const {
    cpu = 1,
    memoryMiB = 0,
    gpus = 0,
    priority = 0,
    members = 1,
    gpuIndices = null,
    exclusive = true,
    targetWorker = null,
    place = 'pool/default',
    types = null,
    isNode = false,
  } = want;
  const resources = { cpu, memoryMiB, diskMiB: 0, gpus: gpuIndices?.length ?? gpus, ports: 1 };
  const demands = Array.from({ length: members }, (_, at) => ({
    reservation: `r${seq}.${at}`,
    resources,
    gpuIndices,
    exclusive,
    targetWorker,
    place,
    types,
    isNode,
  }));
  return { id: `u${seq}`, priority, seq, demands };
};
const ledgerOf = (...capacities: Capacity[]): Ledger => {
  const ledger = new Ledger();
  for (const each of capacities) ledger.setCapacity(each);
  return ledger;
};
const placeNow = (
  ledger: Ledger,
  ...units: Unit[]
): Map<string, { worker: string; gpuIndices: readonly number[] }> => {
  for (const each of units) ledger.enqueue(each);
  return new Map(runPass(ledger, 1000).map((placement) => [placement.reservation, placement]));
};
const first = (each: Unit): string => each.demands[0]?.reservation ?? '';

describe('placement', () => {
  it('spreads CPU over equal workers', () => {
    const ledger = ledgerOf(worker('a', 4), worker('b', 4));
    const placed = placeNow(ledger, unit({}), unit({}), unit({}), unit({}));
    expect([...placed.values()].filter((each) => each.worker === 'a')).toHaveLength(2);
  });

  it('keeps GPU workers free of what needs no GPU, and fills the fullest one that fits', () => {
    const ledger = ledgerOf(worker('big', 8, 10_000, 4), worker('small', 8, 10_000, 1), worker('none', 8));
    const plain = unit({});
    const one = unit({ gpus: 1 });
    const placed = placeNow(ledger, plain, one);
    expect(placed.get(first(plain))?.worker).toBe('none');
    expect(placed.get(first(one))?.worker).toBe('small');
  });

  it('gives the lowest free GPU indices', () => {
    const ledger = ledgerOf(worker('a', 8, 10_000, 4));
    const two = unit({ gpus: 2 });
    const one = unit({ gpus: 1 });
    placeNow(ledger, two);
    expect(placeNow(ledger, one).get(first(one))?.gpuIndices).toEqual([2]);
    ledger.release(first(two));
    const next = unit({ gpus: 2 });
    expect(placeNow(ledger, next).get(first(next))?.gpuIndices).toEqual([0, 1]);
  });

  it('shares GPUs with what is not exclusive, which neither blocks nor is blocked', () => {
    const ledger = ledgerOf(worker('a', 8, 10_000, 2));
    const exclusive = unit({ gpus: 2 });
    const shared = unit({ gpus: 2, exclusive: false });
    const exact = unit({ gpuIndices: [1], exclusive: false, targetWorker: 'a' });
    const placed = placeNow(ledger, exclusive, shared, exact);
    expect(placed.get(first(shared))?.gpuIndices).toEqual([0, 1]);
    expect(placed.get(first(exact))?.gpuIndices).toEqual([1]);
    ledger.release(first(exclusive));
    const again = unit({ gpus: 2 });
    expect(placeNow(ledger, again).get(first(again))?.gpuIndices).toEqual([0, 1]);
  });

  it('waits for exact indices while one of them is held', () => {
    const ledger = ledgerOf(worker('a', 8, 10_000, 4));
    placeNow(ledger, unit({ gpus: 1 }));
    const exact = unit({ gpuIndices: [0, 3], targetWorker: 'a' });
    expect(placeNow(ledger, exact).size).toBe(0);
    expect(explainUnit(ledger, exact).summary.code).toBe('TARGET_WORKER_BUSY');
  });

  it('gives nothing new to a worker that is not ONLINE', () => {
    const ledger = ledgerOf(worker('a', 4, 10_000, 0, 'SUSPECT'));
    const one = unit({});
    expect(placeNow(ledger, one).size).toBe(0);
    ledger.setCapacity(worker('a', 4));
    expect(runPass(ledger, 10)).toHaveLength(1);
  });

  it('goes by priority, then by age', () => {
    const ledger = ledgerOf(worker('a', 1));
    const old = unit({});
    const young = unit({});
    const urgent = unit({ priority: 5 });
    expect([...placeNow(ledger, old, young, urgent).keys()]).toEqual([first(urgent)]);
    ledger.release(first(urgent));
    expect(runPass(ledger, 10).map((each) => each.reservation)).toEqual([first(old)]);
  });
});

describe('gangs', () => {
  it('are placed whole or not at all, and hold nothing while they wait', () => {
    const ledger = ledgerOf(worker('a', 2), worker('b', 2));
    const gang = unit({ cpu: 2, members: 3 });
    const pair = unit({ cpu: 2, members: 2 });
    expect(placeNow(ledger, gang).size).toBe(0);
    expect([...ledger.rooms.values()].every((room) => room.used.cpu === 0)).toBe(true);
    expect([...placeNow(ledger, pair).values()].map((each) => each.worker).sort()).toEqual(['a', 'b']);
  });

  it('are not starved by single ones that keep coming', () => {
    const ledger = ledgerOf(worker('a', 2), worker('b', 2));
    const running = [unit({ cpu: 1 }), unit({ cpu: 1 })];
    placeNow(ledger, ...running);
    const gang = unit({ cpu: 2, members: 2 });
    expect(placeNow(ledger, gang).size).toBe(0);
    const late = Array.from({ length: 20 }, () => unit({ cpu: 1 }));
    expect(placeNow(ledger, ...late).size).toBe(0);
    for (const each of running) ledger.release(first(each));
    expect(runPass(ledger, 100).map((each) => each.reservation)).toEqual(
      gang.demands.map((each) => each.reservation),
    );
  });
});

describe('fairness', () => {
  it('lets small ones pass a large one only where they do not delay it', () => {
    const ledger = ledgerOf(worker('a', 4), worker('b', 4));
    placeNow(ledger, unit({ cpu: 3 }), unit({ cpu: 2 }));
    const large = unit({ cpu: 4 });
    const small = Array.from({ length: 6 }, () => unit({ cpu: 1 }));
    const placed = placeNow(ledger, large, ...small);
    const onB = [...placed.values()].map((each) => each.worker);
    expect(onB.length).toBe(1);
    expect(new Set(onB).size, 'only the worker that is not claimed').toBe(1);
  });

  it('is not held back by what no known worker could ever hold', () => {
    const ledger = ledgerOf(worker('a', 4));
    const giant = unit({ cpu: 100 });
    const small = unit({});
    expect([...placeNow(ledger, giant, small).keys()]).toEqual([first(small)]);
    const waiting = explainUnit(ledger, giant);
    expect(waiting.neverFits).toBe(true);
    expect(waiting.summary).toMatchObject({ code: 'NEVER_FITS' });
    expect(waiting.workers[0]?.failing[0]).toMatchObject({
      constraint: 'cpu',
      needed: 100,
      free: 3,
      total: 4,
    });
  });

  it('says how many go before', () => {
    const ledger = ledgerOf(worker('a', 0));
    const units = [unit({}), unit({}), unit({ priority: 1 })];
    placeNow(ledger, ...units);
    expect(units.map((each) => positionOf(ledger, each))).toEqual([1, 2, 0]);
  });
});

describe('any stream of submissions, ends and outages', () => {
  const action = fc.oneof(
    fc.record({
      kind: fc.constant('submit' as const),
      cpu: fc.integer({ min: 0, max: 6 }),
      gpus: fc.integer({ min: 0, max: 3 }),
      members: fc.integer({ min: 1, max: 3 }),
      priority: fc.integer({ min: 0, max: 1 }),
      exclusive: fc.boolean(),
    }),
    fc.record({ kind: fc.constant('end' as const), at: fc.nat(100) }),
    fc.record({ kind: fc.constant('cancel' as const), at: fc.nat(100) }),
    fc.record({
      kind: fc.constant('status' as const),
      at: fc.nat(2),
      status: fc.constantFrom('ONLINE' as const, 'SUSPECT' as const),
    }),
  );

  it('never holds more than there is, and leaves nobody waiting who fits when all has ended', () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
        const ids = ['a', 'b', 'c'];
        const ledger = ledgerOf(worker('a', 4, 10_000, 2), worker('b', 6), worker('c', 2, 10_000, 3));
        const held = new Map<string, string>();
        const waiting = new Map<string, Unit>();
        const pass = (): void => {
          for (const placement of runPass(ledger, 1000)) {
            held.set(placement.reservation, placement.worker);
            for (const [id, each] of waiting)
              if (each.demands.some((demand) => demand.reservation === placement.reservation))
                waiting.delete(id);
          }
          for (const room of ledger.rooms.values()) {
            expect(fits(room.used, room.capacity.total), 'within what the worker has').toBe(true);
            const exclusive = [...room.holdings.values()]
              .filter((each) => each.demand.exclusive)
              .flatMap((each) => each.gpuIndices);
            expect(new Set(exclusive).size, 'no GPU twice').toBe(exclusive.length);
          }
        };
        for (const each of actions) {
          if (each.kind === 'submit') {
            const next = unit(each);
            waiting.set(next.id, next);
            ledger.enqueue(next);
          } else if (each.kind === 'end') {
            const reservation = [...held.keys()][each.at];
            if (reservation !== undefined) {
              held.delete(reservation);
              ledger.release(reservation);
            }
          } else if (each.kind === 'cancel') {
            const id = [...waiting.keys()][each.at];
            if (id !== undefined) {
              waiting.delete(id);
              ledger.dequeue(id);
            }
          } else {
            const room = ledger.rooms.get(ids[each.at] ?? 'a');
            if (room) ledger.setCapacity({ ...room.capacity, status: each.status });
          }
          pass();
          expect(ledger.waiting).toBe(waiting.size);
        }
        for (const room of ledger.rooms.values()) ledger.setCapacity({ ...room.capacity, status: 'ONLINE' });
        for (let round = 0; round < 200 && (held.size > 0 || ledger.dirty); round++) {
          pass();
          for (const reservation of [...held.keys()]) {
            held.delete(reservation);
            ledger.release(reservation);
          }
        }
        for (const each of waiting.values()) {
          const fitsEmpty =
            placeNow(ledgerOf(worker('a', 4, 10_000, 2), worker('b', 6), worker('c', 2, 10_000, 3)), each)
              .size > 0;
          expect(fitsEmpty, 'what still waits could not even be placed on an empty herd').toBe(false);
        }
      }),
      { numRuns: 300 },
    );
  });
});
