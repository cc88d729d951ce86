import type { ResourcesChoice } from '@drover/core/wire';
import { resourcesChoice } from '@drover/core/wire';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lacksOf } from './fit.ts';
import type { MachineType } from './machine-type.ts';
import { isSharedInfra } from './node-share.ts';
import { blocksOf, consideredTable, plan } from './optimize.ts';

const machine = (infra: string, type: string, more: Partial<MachineType> = {}): MachineType => ({
  infra,
  type,
  region: null,
  zone: null,
  cpus: 4,
  memoryMiB: 8192,
  accelerators: null,
  pricePerHour: 0,
  spotPricePerHour: null,
  available: null,
  startSeconds: null,
  ...more,
});
const gpus = (name: string, count: number) => ({ accelerators: { name, count } });
const ask = (...choices: object[]): ResourcesChoice => resourcesChoice.parse({ choices });
const ordered = (...choices: object[]): ResourcesChoice =>
  resourcesChoice.parse({ mode: 'ordered', choices });
const chosen = (
  resources: ResourcesChoice | null,
  types: MachineType[],
  target: 'cost' | 'time' = 'cost',
  nodes = 1,
) => plan(resources, nodes, types, target, []).candidates.map((candidate) => candidate.machine.type);
const exactly = (amount: number) => ({ amount, atLeast: false });
const atLeast = (amount: number) => ({ amount, atLeast: true });

const cloud = [
  machine('fake/demo', 'small', {
    region: 'eu',
    zone: 'eu-1',
    cpus: 2,
    memoryMiB: 4096,
    pricePerHour: 1,
    spotPricePerHour: 0.3,
  }),
  machine('fake/demo', 'large', {
    region: 'eu',
    zone: 'eu-2',
    cpus: 8,
    memoryMiB: 32_768,
    pricePerHour: 4,
    startSeconds: 20,
  }),
  machine('fake/demo', 'a100', {
    region: 'us',
    zone: 'us-1',
    cpus: 16,
    memoryMiB: 131_072,
    pricePerHour: 9,
    ...gpus('A100', 8),
    available: 2,
  }),
];
const herd = [
  machine('pool/default', '2CPU-4GB', { cpus: 2, memoryMiB: 4096 }),
  machine('pool/lab', '64CPU-512GB', { cpus: 64, memoryMiB: 524_288, ...gpus('NVIDIA H100 80GB HBM3', 8) }),
];

describe('what is blocked', () => {
  it('is looked for once, not for each choice', () => {
    let looks = 0;
    const block = {
      get accelerator() {
        looks += 1;
        return 'A100';
      },
    };
    const types = Array.from({ length: 50 }, (_, at) => machine('fake/demo', `t${at}`, gpus('H100', 1)));
    const wanted = ask(...Array.from({ length: 100 }, () => ({ accelerators: { name: 'H100', count: 1 } })));
    expect(plan(wanted, 1, types, 'cost', Array(100).fill(block)).candidates).toHaveLength(5000);
    expect(looks).toBe(100 * 50);
  });
});

describe('what a bare task gets', () => {
  it('is one core and 512 MiB of the smallest machine, and no GPU', () => {
    const [candidate] = plan(null, 1, [...herd].reverse(), 'cost', []).candidates;
    expect(candidate).toMatchObject({
      machine: { type: '2CPU-4GB' },
      perNode: { cpus: 1, memoryMiB: 512, gpus: 0, accelerator: null },
    });
  });
  it('is all of a machine that is smaller', () => {
    const tiny = machine('local', 'tiny', { cpus: 0.5, memoryMiB: 200 });
    expect(plan(null, 1, [tiny], 'cost', []).candidates[0]?.perNode).toMatchObject({
      cpus: 0.5,
      memoryMiB: 200,
    });
  });
  it('is a whole machine where machines are made for it', () => {
    expect(plan(null, 1, cloud, 'cost', []).candidates[0]).toMatchObject({
      machine: { type: 'small' },
      perNode: { cpus: 2, memoryMiB: 4096 },
      pricePerHour: 1,
    });
  });
  it('with GPUs is four cores and 16 GiB for each, but no more than its share', () => {
    const share = (count: number, type: MachineType) =>
      plan(ask({ accelerators: { name: 'L4', count } }), 1, [type], 'cost', []).candidates[0]?.perNode;
    const big = machine('pool/a', 'big', { cpus: 64, memoryMiB: 262_144, ...gpus('L4', 4) });
    const slim = machine('pool/a', 'slim', { cpus: 4, memoryMiB: 8192, ...gpus('L4', 4) });
    expect(share(2, big)).toEqual({ cpus: 8, memoryMiB: 32_768, gpus: 2, accelerator: 'L4' });
    expect(share(1, slim)).toEqual({ cpus: 1, memoryMiB: 2048, gpus: 1, accelerator: 'L4' });
    expect(share(0.5, big)).toMatchObject({ gpus: 1 });
  });
  it('has 512 MiB for each core that is asked for', () => {
    expect(plan(ask({ cpus: exactly(2) }), 1, herd, 'cost', []).candidates[0]?.perNode).toMatchObject({
      memoryMiB: 1024,
    });
  });
});

describe('what fits', () => {
  it.each([
    ['an exact number of cores is that size where machines are made', { cpus: exactly(2) }, ['small']],
    ['at least so many', { cpus: atLeast(4) }, ['large', 'a100']],
    ['memory', { memoryGiB: atLeast(32) }, ['large', 'a100']],
    ['a region', { region: 'us' }, ['a100']],
    ['a zone', { zone: 'eu-1' }, ['small']],
    ['a type, whatever its case', { instanceType: 'LARGE' }, ['large']],
    ['spot', { useSpot: true }, ['small']],
    ['a model, whatever its case', { accelerators: { name: 'a100', count: 4 } }, ['a100']],
    ['another model', { accelerators: { name: 'A10', count: 1 } }, []],
    ['another memory', { accelerators: { name: 'A100-80GB', count: 1 } }, []],
    ['too many', { accelerators: { name: 'A100', count: 9 } }, []],
    ['an infra', { infra: 'fake/demo' }, ['small', 'large', 'a100']],
    ['a kind of infra', { infra: 'fake' }, ['small', 'large', 'a100']],
    ['another infra', { infra: 'fake/dem' }, []],
    ['an image', { imageId: 'docker:x' }, []],
  ])('%s', (_what, asked, types) => {
    expect(chosen(ask(asked), cloud)).toEqual(types);
  });

  it('an exact number of cores is taken of a shared machine that has more', () => {
    expect(
      plan(ask({ cpus: exactly(4), memoryGiB: exactly(8) }), 1, herd, 'cost', []).candidates,
    ).toMatchObject([{ machine: { type: '64CPU-512GB' }, perNode: { cpus: 4, memoryMiB: 8192, gpus: 0 } }]);
  });
  it('a model by the name that the driver reports', () => {
    expect(chosen(ask({ accelerators: { name: 'H100', count: 8 } }), herd)).toEqual(['64CPU-512GB']);
    expect(chosen(ask({ accelerators: { name: 'H100-NVL', count: 1 } }), herd)).toEqual([]);
  });
  it('a disk, where the infra says how large its disks are', () => {
    const types = [
      machine('fake/a', 'd50', { diskGiB: 50 }),
      machine('fake/a', 'd500', { diskGiB: 500 }),
      machine('fake/b', 'unknown'),
    ];
    const planned = plan(ask({ diskSizeGiB: 100 }), 1, types, 'cost', []);
    expect(planned.candidates.map(({ machine: { type } }) => type)).toEqual(['d500', 'unknown']);
    expect(plan(ask({ diskSizeGiB: 100, diskTier: 'high' }), 1, types.slice(2), 'cost', []).notes).toEqual([
      'disk_size 100 is recorded; fake/b does not say what it has',
      'disk_tier high is recorded; fake/b does not say what it has',
    ]);
  });
});

describe('the order', () => {
  it('is by cost, or by time', () => {
    const types = [
      machine('fake/a', 'cheap', { pricePerHour: 1, startSeconds: 100 }),
      machine('fake/b', 'fast', { pricePerHour: 2, startSeconds: 10 }),
      machine('fake/c', 'unknown', { pricePerHour: 0.5 }),
    ];
    expect(chosen(null, types, 'cost')).toEqual(['unknown', 'cheap', 'fast']);
    expect(chosen(null, types, 'time')).toEqual(['fast', 'cheap', 'unknown']);
  });
  it('spares GPUs and large machines', () => {
    const types = [
      machine('pool/a', 'gpu', { cpus: 1, ...gpus('L4', 1) }),
      machine('pool/a', 'huge', { cpus: 64 }),
      machine('ssh/a', 'small', { cpus: 4 }),
      machine('local', 'small too', { cpus: 4 }),
    ];
    expect(chosen(null, types)).toEqual(['small too', 'small', 'huge', 'gpu']);
  });
  it('is the user’s own where choices are ordered, and the best of all where any will do', () => {
    const [big, little] = [{ accelerators: { name: 'A100', count: 1 } }, { cpus: exactly(2) }];
    expect(chosen(ordered(big, little), cloud)).toEqual(['a100', 'small']);
    expect(chosen(ask(big, little), cloud)).toEqual(['small', 'a100']);
  });
  it('puts last what is known to be out of stock, also against the user’s order', () => {
    expect(chosen(ordered({ instanceType: 'a100' }, { instanceType: 'small' }), cloud, 'cost', 3)).toEqual([
      'small',
      'a100',
    ]);
    const planned = plan(ask({ instanceType: 'a100' }), 3, cloud, 'cost', []);
    expect(planned).toMatchObject({ whyNot: [], rows: [{ inStock: false, isChosen: true }] });
  });
  it('cost is that of all nodes', () => {
    expect(plan(ask({ useSpot: true }), 4, cloud, 'cost', []).candidates[0]).toMatchObject({
      pricePerHour: 1.2,
      spot: true,
    });
  });
});

describe('nodes on machines of several types', () => {
  const types = [
    machine('pool/a', 'one', { cpus: 2, memoryMiB: 300, available: 1 }),
    machine('pool/a', 'two', { cpus: 0.5, memoryMiB: 4096, available: 2 }),
    machine('pool/b', 'other', { available: 1 }),
  ];
  it('stand beside each other on a shared infra that has too few of one', () => {
    const [candidate] = plan(null, 3, types, 'cost', []).candidates;
    expect(candidate).toMatchObject({ types: ['one', 'two'], perNode: { cpus: 0.5, memoryMiB: 256 } });
    expect(plan(null, 2, types, 'cost', []).candidates[0]?.types).toBeUndefined();
    expect(plan(null, 4, types, 'cost', []).rows.every(({ inStock }) => !inStock)).toBe(true);
  });
});

describe('what is excluded', () => {
  it('is never chosen', () => {
    const left = (...excluded: object[]) =>
      plan(null, 1, [...herd, ...cloud], 'cost', blocksOf(ask(...excluded).choices)).candidates.map(
        ({ machine: { type } }) => type,
      );
    expect(left({ infra: 'pool' })).toEqual(['small', 'large', 'a100']);
    expect(left({ infra: 'fake/demo', region: 'eu' }, { accelerators: { name: 'H100', count: 1 } })).toEqual([
      '2CPU-4GB',
      'a100',
    ]);
    expect(left({})).toHaveLength(5);
    expect(
      plan(ask({ useSpot: true }), 1, cloud, 'cost', blocksOf(ask({ useSpot: true }).choices)).candidates,
    ).toEqual([]);
  });
  it('may be one place that was tried', () => {
    const tried = { infra: 'fake/demo', region: 'eu', zone: 'eu-1', type: 'small' };
    expect(plan(null, 1, cloud, 'cost', [tried]).candidates.map(({ machine: { type } }) => type)).toEqual([
      'large',
      'a100',
    ]);
    const everything = plan(null, 1, herd, 'cost', [{ infra: 'pool' }]);
    expect(everything.whyNot).toEqual(['a bare task: every machine is excluded or was tried']);
  });
});

describe('why nothing fits', () => {
  const why = (asked: object, types = [...herd, ...cloud]) => plan(ask(asked), 1, types, 'cost', []).whyNot;
  it('says for each choice what comes nearest, and by how much it fails', () => {
    expect(why({ cpus: atLeast(100), memoryGiB: exactly(1) })).toEqual([
      'cpus 100+, memory 1 GiB: nearest is pool/lab 64CPU-512GB: cpus 100+ is asked for, it has 64 (36 too few)',
    ]);
    expect(why({ cpus: exactly(4) }, cloud)).toEqual([
      'cpus 4: nearest is fake/demo large: exactly cpus 4 is asked for, it has 8',
    ]);
    expect(why({ accelerators: { name: 'A10', count: 1 } })).toEqual([
      'A10:1: no machine has A10; there are A100:8, NVIDIA H100 80GB HBM3:8',
    ]);
    expect(why({ accelerators: { name: 'A100', count: 16 } })).toEqual([
      'A100:16: nearest is fake/demo a100: A100:16 is asked for, it has 8',
    ]);
    expect(why({ infra: 'aws', cpus: exactly(1) })).toEqual([
      'cpus 1, infra aws: there is no infra aws; there are fake/demo, pool/default, pool/lab',
    ]);
    expect(why({ useSpot: true }, herd)[0]).toContain('not to be had as spot');
    expect(why({}, [])).toEqual(['a bare task: there are no machines']);
    expect(why({ imageId: 'docker:x' })[0]).toContain('not images');
  });
  it('says nothing of a choice that something fits', () => {
    expect(plan(ask({ cpus: atLeast(1000) }, {}), 1, herd, 'cost', []).whyNot).toHaveLength(1);
  });
});

describe('the table', () => {
  it('has one row for each infra, accelerators, and spot or not, with the choice marked', () => {
    expect(
      consideredTable(plan(ask({}, { useSpot: true }), 2, [...cloud, ...herd], 'cost', []), 2),
    ).toMatchInlineSnapshot(`
      "Considered resources (2 nodes):
      --------------------------------------------------------------------------
      INFRA              INSTANCE     vCPUs  Mem(GB)  GPUS    COST ($)  CHOSEN
      --------------------------------------------------------------------------
      pool/default       2CPU-4GB     1      0.5      -       0.00      ✔
      pool/lab           64CPU-512GB  1      0.5      -       0.00
      fake/demo/eu/eu-1  small[Spot]  2      4        -       0.60
      fake/demo/eu/eu-1  small        2      4        -       2.00
      fake/demo/us/us-1  a100         16     128      A100:8  18.00
      --------------------------------------------------------------------------"
    `);
    expect(
      consideredTable(plan(ask({ instanceType: 'a100', networkTier: 'best' }), 3, cloud, 'time', []), 3),
    ).toMatchInlineSnapshot(`
      "Considered resources (3 nodes):
      ---------------------------------------------------------------------------------
      INFRA              INSTANCE  vCPUs  Mem(GB)  GPUS    TIME (s)  CHOSEN
      ---------------------------------------------------------------------------------
      fake/demo/us/us-1  a100      16     128      A100:8  300       ✔ (out of stock)
      ---------------------------------------------------------------------------------
      note: network_tier best is recorded; fake/demo does not say what it has"
    `);
  });
  it('says why it is empty', () => {
    expect(consideredTable(plan(ask({ infra: 'aws' }), 1, herd, 'cost', []), 1)).toBe(
      'Considered resources (1 node):\n  nothing fits infra aws: there is no infra aws; there are pool/default, pool/lab',
    );
  });
});

describe('for any herd and any wish', () => {
  const anyMachine = fc
    .record({
      infra: fc.constantFrom('pool/a', 'pool/b', 'local', 'fake/x', 'fake/y'),
      cpus: fc.integer({ min: 1, max: 16 }),
      memoryMiB: fc.integer({ min: 256, max: 65_536 }),
      accelerators: fc.option(
        fc.record({ name: fc.constantFrom('A10', 'A100', 'H100'), count: fc.integer({ min: 1, max: 8 }) }),
      ),
      pricePerHour: fc.integer({ min: 0, max: 9 }),
      spotPricePerHour: fc.option(fc.integer({ min: 0, max: 3 })),
      available: fc.option(fc.integer({ min: 0, max: 4 })),
    })
    .map((fields) => machine(fields.infra, JSON.stringify(fields), fields));
  const anyAmount = fc.option(fc.record({ amount: fc.integer({ min: 1, max: 16 }), atLeast: fc.boolean() }));
  const anyChoice = fc.record({
    infra: fc.constantFrom(null, 'pool', 'fake/x'),
    cpus: anyAmount,
    memoryGiB: anyAmount,
    accelerators: fc.option(
      fc.record({ name: fc.constantFrom('a10', 'A100'), count: fc.integer({ min: 1, max: 8 }) }),
    ),
    useSpot: fc.boolean(),
  });

  it('what is chosen fits, is never dearer than another that fits and is in stock, and never takes more than there is', () => {
    fc.assert(
      fc.property(
        fc.array(anyMachine, { maxLength: 8 }),
        fc.array(anyChoice, { minLength: 1, maxLength: 3 }),
        fc.integer({ min: 1, max: 3 }),
        (types, choices, nodes) => {
          const planned = plan(ask(...choices), nodes, types, 'cost', []);
          const again = plan(ask(...choices), nodes, [...types].reverse(), 'cost', []);
          expect(again.candidates.map((c) => c.machine.type)).toEqual(
            planned.candidates.map((c) => c.machine.type),
          );
          for (const { machine: type, resources, perNode } of planned.candidates) {
            expect(lacksOf(resources, type, isSharedInfra(type.infra))).toEqual([]);
            expect(perNode.cpus).toBeLessThanOrEqual(type.cpus);
            expect(perNode.memoryMiB).toBeLessThanOrEqual(type.memoryMiB);
            expect(perNode.gpus).toBeLessThanOrEqual(type.accelerators?.count ?? 0);
          }
          const inStock = planned.rows.filter((row) => row.inStock).map((row) => row.candidate.pricePerHour);
          if (inStock.length > 0) expect(planned.candidates[0]?.pricePerHour).toBe(Math.min(...inStock));
          expect(planned.candidates.length === 0).toBe(planned.whyNot.length === choices.length);
        },
      ),
    );
  });
});
