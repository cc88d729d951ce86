import { describe, expect, it } from 'vitest';
import { UsageError } from '../errors.ts';
import { parseJob } from './job-file.ts';

const TOML = `
command = ["python", "train.py"]
venv = "/opt/venv"
workdir = "/data"
priority = -3
grace = "90s"
log_cap = "1GiB"
on_worker_lost = "replace"
lost_after = "2m"
[resources]
cpus = 2.5
memory = "8Gi"
disk = "10GiB"
gpu_indices = [0, 2]
exclusive = false
target_worker = "w1"
[env]
A = "1"
[labels]
team = "x"
`;
const YAML = `
command: [python, train.py]
venv: /opt/venv
workdir: /data
priority: -3
grace: 90s
log_cap: 1GiB
on_worker_lost: replace
lost_after: 2m
resources:
  cpus: 2.5
  memory: 8Gi
  disk: 10GiB
  gpu_indices: [0, 2]
  exclusive: false
  target_worker: w1
env: {A: "1"}
labels: {team: x}
`;
const WHOLE = {
  command: ['python', 'train.py'],
  name: 'train',
  resources: { cpu: 2.5, memoryMiB: 8192, diskMiB: 10_240 },
  gpuIndices: [0, 2],
  exclusive: false,
  targetWorker: 'w1',
  env: { A: '1' },
  labels: { team: 'x' },
  venv: '/opt/venv',
  workdir: '/data',
  priority: -3,
  graceMs: 90_000,
  logCapMiB: 1024,
  onWorkerLost: 'replace',
  lostAfterMs: 120_000,
};

describe('a job file', () => {
  it.each([
    ['/x/train.toml', TOML],
    ['/x/train.yaml', YAML],
  ])('keeps every field: %s', (path, text) => expect(parseJob(text, path)).toEqual(WHOLE));

  it('may say little, and its own name', () => {
    expect(parseJob('command = "true"\nname = "n"', 'a.toml')).toEqual({ command: 'true', name: 'n' });
    expect(parseJob('command = "true"', '-x.toml')).toEqual({ command: 'true' });
    expect(parseJob('[resources]\ngpus = 2\nmemory = 100', 'a.toml')).toEqual({
      name: 'a',
      resources: { gpus: 2, memoryMiB: 100 },
    });
  });

  it.each([
    [
      'j.toml',
      'command = "x"\n[resources]\ncpu = 1',
      'j.toml:3: resources.cpu: unknown key',
      'did you mean "cpus"?',
    ],
    ['j.toml', 'comand = "x"', 'j.toml:1: comand: unknown key', 'did you mean "command"?'],
    [
      'j.yml',
      'command: x\nresources:\n  gpu: 1',
      'j.yml:3: resources.gpu: unknown key',
      'did you mean "gpus"?',
    ],
    ['j.toml', 'command = ""', 'j.toml:1: command: must be a string, or a list of strings, not empty'],
    ['j.toml', 'command = []', 'j.toml:1: command: must be a string, or a list of strings, not empty'],
    ['j.yaml', 'env:\n  A: 1', 'j.yaml:2: env.A: must be a string', 'put it in quotes'],
    ['j.toml', '[labels]\na = true', 'j.toml:2: labels.a: must be a string', 'put it in quotes'],
    ['j.toml', '[resources]\ngpus = 1.5', 'j.toml:2: resources.gpus: must be a whole number, not negative'],
    ['j.toml', '[resources]\ncpus = "2"', 'j.toml:2: resources.cpus: must be a number, not negative'],
    ['j.toml', '[resources]\nexclusive = "no"', 'j.toml:2: resources.exclusive: must be true or false'],
    ['j.toml', '[resources]\ngpus = 1\ngpu_indices = [0]', 'j.toml: resources has both gpus and gpu_indices'],
    ['j.toml', 'env = 3', 'j.toml:1: env: must be a table'],
    ['j.yaml', '- a', 'j.yaml: expected keys and values, such as command = "..."'],
  ])('refuses nonsense in %s: %j', (path, text, message, hint?: string) => {
    const thrown = catchError(() => parseJob(text, path));
    expect(thrown).toBeInstanceOf(UsageError);
    expect(thrown).toMatchObject({ message, ...(hint === undefined ? {} : { hint }) });
  });

  it.each([
    ['j.toml', 'command = "x"\nname = ', /^j\.toml:2: not valid TOML/],
    ['j.yaml', 'command: x\n  name: [', /^j\.yaml:\d: not valid YAML/],
    ['j.yaml', 'command: !!js/function "x"', /^j\.yaml:1: not valid YAML: this tag/],
    ['j.yaml', 'command: x\ncommand: y', /^j\.yaml:2: not valid YAML: the key "command" comes twice/],
    ['j.toml', '[resources]\nmemory = "lots"', /^j\.toml:2: resources\.memory: must be a number with/],
    ['j.toml', 'grace = "soon"', /^j\.toml:1: grace: must be a duration/],
  ])('says where %s is wrong: %j', (path, text, message) =>
    expect(() => parseJob(text, path)).toThrow(message),
  );

  it('refuses aliases that unfold without end', () => {
    const rows = ['a: &a [x,x,x,x,x,x,x,x,x]'];
    for (const [key, last] of ['ba', 'cb', 'dc', 'ed', 'fe'].map((pair) => [...pair])) {
      rows.push(`${key}: &${key} [${Array(9).fill(`*${last}`).join(',')}]`);
    }
    expect(() => parseJob(rows.join('\n'), 'j.yaml')).toThrow('too many values');
  });
});

function catchError(act: () => unknown): unknown {
  try {
    return act();
  } catch (error) {
    return error;
  }
}
