import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { buildSubmission, commandOf } from './submission.ts';

const folder = mkdtempSync(join(tmpdir(), 'drover-cli-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string, text: string) => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

describe('the command', () => {
  it.each([
    [['echo hi'], ['submit', 'echo hi'], 'echo hi'],
    [['echo hi'], ['submit', '--', 'echo hi'], ['echo hi']],
    [
      ['a', 'b'],
      ['submit', 'a', 'b'],
      ['a', 'b'],
    ],
    [
      ['a', '-x'],
      ['submit', '--wait', '--', 'a', '-x'],
      ['a', '-x'],
    ],
    [[], ['submit'], undefined],
  ])('of %j in %j', (words, argv, command) => expect(commandOf(words, argv)).toEqual(command));
});

describe('a submission', () => {
  it('takes the file, and flags over it', async () => {
    const config = file(
      'j.toml',
      'command = "x"\n[resources]\ncpus = 4\ngpus = 2\n[env]\nA = "1"\nB = "1"\n[labels]\nl = "1"\n',
    );
    const envFrom = file('v.env', 'B=2\nC=2');
    const flags = {
      config,
      envFrom: [envFrom],
      env: ['C=3', 'HOME'],
      label: { m: '2' },
      cpus: 1,
      shared: true,
      grace: 5,
    };
    expect(await buildSubmission([], ['submit'], flags, { HOME: '/me' })).toEqual({
      command: 'x',
      name: 'j',
      resources: { cpu: 1, gpus: 2 },
      exclusive: false,
      graceMs: 5,
      env: { A: '1', B: '2', C: '3', HOME: '/me' },
      labels: { l: '1', m: '2' },
    });
  });

  it('lets GPUs of the flags replace those of the file, either kind', async () => {
    const count = file('count.toml', 'command = "x"\n[resources]\ngpus = 2\n');
    const list = file('list.toml', 'command = "x"\n[resources]\ngpu_indices = [0, 1]\n');
    const withIndices = await buildSubmission([], [], { config: count, gpuIndices: [3] }, {});
    expect(withIndices).toMatchObject({ resources: {}, gpuIndices: [3] });
    expect(withIndices.resources).not.toHaveProperty('gpus');
    const withCount = await buildSubmission([], [], { config: list, gpus: 1 }, {});
    expect(withCount).toMatchObject({ resources: { gpus: 1 } });
    expect(withCount).not.toHaveProperty('gpuIndices');
  });

  it('refuses what cannot be meant', async () => {
    const build = (flags: object, words = ['x']) => buildSubmission(words, ['submit', ...words], flags, {});
    await expect(build({}, [])).rejects.toThrow('there is no command');
    await expect(build({ env: ['NOPE'] })).rejects.toThrow('--env NOPE: there is no such variable here');
    await expect(build({ envFrom: ['/nowhere/v'] })).rejects.toThrow('--env-from: ENOENT');
    await expect(build({ config: '/nowhere/j.toml' })).rejects.toThrow('--config: ENOENT');
    await expect(build({ gpus: 2, gpuIndices: [0] })).rejects.toThrow('contradict');
  });
});
