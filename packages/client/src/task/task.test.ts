import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ResourcesChoice, TaskSpec } from '@drover/core/wire';
import { taskSpec } from '@drover/core/wire';
import { build } from 'esbuild';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { Dag, isDroverError, Resources, type RunFunction, Task, type TaskInit } from '../index.ts';

const send = async (path: string) => ({
  tree: [...path]
    .map((c) => c.charCodeAt(0).toString(16))
    .join('')
    .padEnd(64, '0'),
});
const treeOf = (path: string) => send(path).then(({ tree }) => tree);
function refusal(act: () => unknown): { field: string; message: string } {
  try {
    act();
  } catch (error) {
    if (isDroverError(error) && error.code === 'INVALID_TASK') {
      return { field: String(error.details['field']), message: error.message };
    }
    throw error;
  }
  throw new Error('was taken');
}
const modelsOf = ({ choices }: ResourcesChoice) => choices.map(({ accelerators }) => accelerators?.name);

describe('a task', () => {
  it('has every field of the seed, and setters that chain', async () => {
    const task = new Task('train', {
      setup: 'pip list',
      run: 'python train.py',
      envs: { A: '1' },
      workdir: '.',
      numNodes: 2,
    })
      .setResources(new Resources({ accelerators: 'A100:8' }))
      .setFileMounts({ '/data': './data' })
      .updateFileMounts({ '~/.rc': './data' })
      .updateEnvs({ B: '2' })
      .setSecrets({ TOKEN: 'x' })
      .updateSecrets({ KEY: 'y' });
    const spec = await task.toSpec(send);
    expect(taskSpec.parse(spec)).toEqual(spec);
    expect(spec).toMatchObject({
      name: 'train',
      setup: 'pip list',
      run: 'python train.py',
      envs: { A: '1', B: '2' },
      secrets: { TOKEN: 'x', KEY: 'y' },
      workdir: await treeOf('.'),
      numNodes: 2,
      fileMounts: [
        { target: '/data', tree: await treeOf('./data') },
        { target: '~/.rc', tree: await treeOf('./data') },
      ],
      resources: { choices: [{ accelerators: { name: 'A100', count: 8 } }] },
    });
  });

  it('sends each local path once', async () => {
    const sent: string[] = [];
    await new Task({ workdir: 'a', fileMounts: { '/x': 'a', '/y': 'b' } }).toSpec(async (path) => {
      sent.push(path);
      return await send(path);
    });
    expect(sent).toEqual(['a', 'b']);
  });

  it('without anything is a bare task', async () => {
    expect(await new Task().toSpec(send)).toEqual(taskSpec.parse({}));
    expect(new Task(null).resources).toEqual([]);
  });

  it('keeps what is excluded', async () => {
    const task = new Task({ blockedResources: new Set([new Resources({ infra: 'fake/a' })]) });
    expect((await task.toSpec(send)).blockedResources).toMatchObject([{ infra: 'fake/a' }]);
  });

  it('checks at once, and names fields as the SDK does', () => {
    expect(refusal(() => new Task({ numNodes: 0 })).field).toBe('numNodes');
    expect(refusal(() => new Task('a/b')).field).toBe('name');
    expect(refusal(() => new Task().setEnvs({ '1A': 'x' })).field).toBe('envs.1A');
    expect(refusal(() => new Task().setFileMounts({ '/a/': 'x' })).message).toContain(
      'does not end in a slash',
    );
    expect(refusal(() => new Task().setFileMounts({ '/a': 's3://bucket' })).message).toContain('storage');
    expect(refusal(() => new Task().setWorkdir('https://host/repo')).field).toBe('workdir');
    expect(refusal(() => new Resources({ instanceType: '' })).field).toBe('resources.instanceType');
    expect(refusal(() => new Resources({ useSpot: 'maybe' as unknown as boolean })).field).toBe(
      'resources.useSpot',
    );
    expect(refusal(() => new Resources({ jobRecovery: { maxRestartsOnErrors: -1 } })).field).toBe(
      'resources.jobRecovery.maxRestartsOnErrors',
    );
  });

  it('a setter that refuses leaves the task as it was', () => {
    const task = new Task('a', { numNodes: 2 });
    refusal(() => task.setNumNodes(-1));
    expect(task.numNodes).toBe(2);
  });

  it('refuses what is not there yet, by its name', () => {
    expect(refusal(() => new Task({ dockerImage: 'x' })).field).toBe('dockerImage');
    expect(refusal(() => new Task({ eventCallback: 'x' })).field).toBe('eventCallback');
    expect(refusal(() => new Task({ fileMountsMapping: {} })).field).toBe('fileMountsMapping');
    expect(refusal(() => new Task().setStorageMounts({ '/data': {} })).field).toBe('storageMounts./data');
    expect(refusal(() => new Resources({ imageId: 'docker:x' })).message).toContain('containers');
    expect(refusal(() => new Resources({ acceleratorArgs: { runtime_version: 'x' } })).field).toBe(
      'resources.acceleratorArgs',
    );
    expect(new Task().setStorageMounts({}).setStorageMounts(null).run).toBeNull();
  });

  it('leaves a $ in a path of a program alone', () => {
    expect(new Task({ workdir: './a$b', envs: { b: 'x' } }).workdir).toBe('./a$b');
  });
});

describe('a run that is a function', () => {
  const run: RunFunction = (rank, addresses) =>
    rank === 1 ? null : `join ${addresses[0]} as ${rank} of ${addresses.length}`;
  const task = new Task({ run, numNodes: 3 });
  const addresses = ['10.0.0.1', '10.0.0.2', '10.0.0.3'];

  it('is asked for each rank once the nodes are known', async () => {
    expect(task.runFor(addresses, 3)).toEqual(['join 10.0.0.1 as 0 of 3', null, 'join 10.0.0.1 as 2 of 3']);
    expect((await task.toSpec(send, { addresses })).run).toEqual(task.runFor(addresses, 3));
    expect((await task.toSpec(send)).run).toBeNull();
    expect(task.run).toBe(run);
  });
  it('a text is the same for all', () => {
    expect(new Task({ run: 'date', numNodes: 2 }).runFor(addresses, 2)).toEqual(['date', 'date']);
    expect(new Task().runFor(addresses)).toEqual([null, null, null]);
  });
  it('must give text', () => {
    const odd = new Task({ run: (() => 7) as unknown as RunFunction });
    expect(refusal(() => odd.runFor(['a'])).field).toBe('run');
    expect(new Task({ run: () => ' ' }).runFor(['a'])).toEqual([null]);
  });
  it('is replaced by the next', () => {
    expect(new Task({ run }).setRun('date').run).toBe('date');
  });
});

describe('resources', () => {
  it('are immutable, and copied with changes', () => {
    const resources = new Resources({ cpus: '4+', memory: '4x', labels: { a: 'b' } });
    const copy = resources.copy({ cpus: 8, labels: null });
    expect(resources).toMatchObject({ cpus: '4+', memory: '4x', labels: { a: 'b' } });
    expect(copy).toMatchObject({ cpus: 8, labels: null });
    expect(copy.choice.choices[0]).toMatchObject({ cpus: { amount: 8 }, memoryGiB: { amount: 32 } });
    expect(
      Object.isFrozen(resources) &&
        Object.isFrozen(resources.labels) &&
        Object.isFrozen(resources.choice.choices),
    ).toBe(true);
    expect(() => Object.assign(resources, { cpus: 1 })).toThrow(TypeError);
  });
  it('do not change with what they were made of', () => {
    const ports = [8080];
    const resources = new Resources({ ports });
    ports.push(9090);
    expect(resources.ports).toEqual([8080]);
  });
  it('another infra takes region and zone with it', () => {
    const place = (resources: Resources) => {
      const [spec] = resources.choice.choices;
      return [spec?.infra, spec?.region, spec?.zone];
    };
    const resources = new Resources({ infra: 'fake/a/r/z' });
    expect(place(resources.copy({ infra: 'local' }))).toEqual(['local', null, null]);
    expect(place(resources.copy({ region: 'q' }))).toEqual(['fake/a', 'q', 'z']);
    expect(place(resources.copy({ cloud: 'aws' }))).toEqual(['aws', null, null]);
    expect(place(new Resources({ cloud: 'aws', region: 'r' }).copy({ cpus: 1 }))).toEqual(['aws', 'r', null]);
    expect(place(resources.copy({ cpus: 1 }))).toEqual(['fake/a', 'r', 'z']);
  });
  it('say whether they name a machine', () => {
    expect(new Resources({ infra: 'fake/a', instanceType: 'large' }).isLaunchable).toBe(true);
    expect(new Resources({ instanceType: 'large' }).isLaunchable).toBe(false);
    expect(new Resources({ accelerators: 'V100' }).isLaunchable).toBe(false);
  });
  it('ask for the same however it is said', () => {
    const specs = ['V100', 'V100:1', { V100: 1 }].map(
      (accelerators) => new Resources({ accelerators }).choice,
    );
    expect(specs[1]).toEqual(specs[0]);
    expect(specs[2]).toEqual(specs[0]);
  });
  it('come back from what travels', () => {
    const { choice } = new Resources({
      infra: 'fake/a/r/z',
      instanceType: 't',
      cpus: '0.5+',
      memory: '512MB',
      accelerators: 'A100-80GB:2',
      useSpot: true,
      diskSize: '1TB',
      diskTier: 'high',
      networkTier: 'best',
      ports: ['80-90', 22],
      labels: { a: 'b' },
      autostop: { idleMinutes: 0, down: true, waitFor: 'none' },
      priority: 3,
      jobRecovery: { strategy: 'failover', maxRestartsOnErrors: 2, recoverOnExitCodes: [1, 2] },
    });
    const [spec] = choice.choices;
    if (!spec) throw new Error('no choice');
    expect(Resources.fromSpec(spec).choice).toEqual(choice);
  });
});

describe('several resources', () => {
  const [a, l] = [new Resources({ accelerators: 'A100' }), new Resources({ accelerators: 'L4' })];
  it('a list is an order, a set a free choice', async () => {
    const listed = (await new Task().setResources([a, l]).toSpec(send)).resources as ResourcesChoice;
    const free = (await new Task().setResources(new Set([a, l])).toSpec(send)).resources as ResourcesChoice;
    expect([listed.mode, ...modelsOf(listed)]).toEqual(['ordered', 'A100', 'L4']);
    expect([free.mode, ...modelsOf(free)]).toEqual(['any_of', 'A100', 'L4']);
    const map = new Resources({ accelerators: { A100: 8, H100: 8 } }).choice;
    expect([map.mode, ...modelsOf(map)]).toEqual(['any_of', 'A100', 'H100']);
    expect(
      refusal(() => new Task().setResources([new Resources({ accelerators: { A100: 8, H100: 8 } })])).message,
    ).toContain('cannot be mixed');
    expect(new Task().setResources([]).resources).toEqual([]);
  });
  it('an override lies over each', () => {
    const task = new Task().setResources([a, l]).setResourcesOverride({ useSpot: true, infra: 'fake/a' });
    expect(task.resourcesMode).toBe('ordered');
    expect(task.resources.map(({ useSpot, cloud }) => [useSpot, cloud])).toEqual([
      [true, 'fake/a'],
      [true, 'fake/a'],
    ]);
    expect(new Task().setResourcesOverride({ cpus: 2 }).resources).toHaveLength(1);
  });
});

describe('task files', () => {
  it('are read with what the launch says', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'drover-task-'));
    try {
      const path = join(dir, 'task.yaml');
      writeFileSync(
        path,
        'name: a\nenvs: {MODEL: }\nsecrets: {KEY: }\nworkdir: ./$MODEL\nresources: {ordered: [{cpus: 2}, {cpus: 4}]}\n',
      );
      const task = await Task.fromYaml(path, { env: { MODEL: 'm' }, secrets: { KEY: 'k' }, numNodes: 3 });
      expect(task).toMatchObject({
        name: 'a',
        envs: { MODEL: 'm' },
        secrets: { KEY: 'k' },
        workdir: './m',
        numNodes: 3,
      });
      expect(task.resources).toHaveLength(2);
      await expect(Task.fromYaml(path)).rejects.toMatchObject({
        code: 'INVALID_TASK',
        details: { field: 'envs.MODEL', file: path, line: 2 },
      });
      writeFileSync(path, 'a:\n\tb');
      await expect(Task.fromYaml(path)).rejects.toMatchObject({ code: 'INVALID_YAML', details: { line: 2 } });
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
  it('of several tasks are chains', async () => {
    const text = 'name: pipe\n---\nrun: a\n---\nrun: b\n';
    await expect(Task.fromYamlText(text)).rejects.toThrow('Dag.fromYaml');
    const dag = await Dag.fromYamlText(text);
    expect([dag.name, dag.isChain(), ...dag.tasks.map(({ run }) => run)]).toEqual(['pipe', true, 'a', 'b']);
  });
  it('a text that is no mapping is refused', async () => {
    await expect(Task.fromYamlText('just a text')).rejects.toMatchObject({ code: 'INVALID_TASK' });
  });
});

describe('a dag', () => {
  const [a, b, c] = [new Task('a'), new Task('b'), new Task('c')];
  it('is a chain when one follows the other', () => {
    expect(new Dag('one').add(a).isChain()).toBe(true);
    expect(new Dag().chain(a, b).chain(c).ordered()).toEqual([a, b, c]);
    expect(new Dag().addEdge(b, c).addEdge(a, b).ordered()).toEqual([a, b, c]);
  });
  it('is none when tasks stand beside each other, come together, or go round', () => {
    const others = [
      new Dag(),
      new Dag().add(a).add(b),
      new Dag().addEdge(a, b).addEdge(a, c),
      new Dag().addEdge(a, c).addEdge(b, c),
      new Dag().addEdge(a, b).addEdge(b, a),
      new Dag().addEdge(a, b).addEdge(b, c).addEdge(c, b),
    ];
    expect(others.map((dag) => dag.isChain())).toEqual(others.map(() => false));
    expect(refusal(() => others[1]?.ordered()).message).toContain('only a chain');
    expect(refusal(() => new Dag().addEdge(a, a)).field).toBe('dag');
  });
});

describe('types', () => {
  it('are those of the seed', () => {
    expectTypeOf<TaskInit['run']>().toEqualTypeOf<string | RunFunction | null | undefined>();
    expectTypeOf<RunFunction>().toEqualTypeOf<
      (rank: number, addresses: readonly string[]) => string | null
    >();
    expectTypeOf(new Task().setResources)
      .parameter(0)
      .toEqualTypeOf<Resources | readonly Resources[] | ReadonlySet<Resources>>();
    expectTypeOf(new Task().setWorkdir('.')).toEqualTypeOf<Task>();
    expectTypeOf(Task.fromYaml).returns.resolves.toEqualTypeOf<Task>();
    expectTypeOf(new Task().toSpec).returns.resolves.toEqualTypeOf<TaskSpec>();
    expectTypeOf(new Resources().copy()).toEqualTypeOf<Resources>();
    // @ts-expect-error resources do not change
    expect(() => (new Resources().cpus = 4)).toThrow(TypeError);
    // @ts-expect-error a command is a text
    expect(() => new Task({ run: 7 })).toThrow();
  });
});

it('a program for the browser can be made of it, and YAML is loaded only with the first file', async () => {
  const { outputFiles, metafile } = await build({
    entryPoints: [join(import.meta.dirname, 'dag.ts')],
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'browser',
    outdir: 'out',
    write: false,
    metafile: true,
    logLevel: 'silent',
  });
  const main = Object.entries(metafile.outputs).find(([path]) => path.endsWith('dag.js'))?.[1];
  expect(outputFiles.length).toBeGreaterThan(1);
  expect(Object.keys(main?.inputs ?? {}).filter((path) => path.includes('node_modules'))).toEqual([]);
});
