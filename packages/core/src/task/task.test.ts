import { describe, expect, it } from 'vitest';
import { documentOf } from '../document.ts';
import { DroverError } from '../drover-error.ts';
import { taskSpec } from '../wire/task.ts';
import { readYaml } from '../yaml/index.ts';
import { parseTaskFile, type TaskDraft, type TaskOptions } from './index.ts';

const file = (text: string, options?: TaskOptions) => parseTaskFile(readYaml(text, 'task.yaml'), options);
const task = (text: string, options?: TaskOptions): TaskDraft => file(text, options).tasks[0] as TaskDraft;
const choices = (text: string, options?: TaskOptions) =>
  task(`resources:\n${text.replace(/^/gm, '  ')}`, options).resources;
/** What differs from a choice that asks for nothing. */
const asked = (text: string, options?: TaskOptions) => {
  const bare = task('resources: {use_spot: false}').resources?.choices[0] as object;
  return choices(text, options)?.choices.map((choice) =>
    Object.fromEntries(
      Object.entries(choice).filter(
        ([key, value]) => JSON.stringify(value) !== JSON.stringify((bare as Record<string, unknown>)[key]),
      ),
    ),
  );
};
function refusal(text: string, options?: TaskOptions): DroverError {
  try {
    file(text, options);
  } catch (error) {
    if (error instanceof DroverError && error.code === 'INVALID_TASK') return error;
    throw error;
  }
  throw new Error('was taken');
}

function refusalOf(value: unknown): DroverError {
  try {
    parseTaskFile([documentOf(value)]);
  } catch (error) {
    if (error instanceof DroverError && error.code === 'INVALID_TASK') return error;
    throw error;
  }
  throw new Error('was taken');
}

describe('a task file', () => {
  it('becomes a draft that travels once its files are sent', () => {
    const draft = task(
      'name: train\nnum_nodes: 2\nsetup: pip list\nrun: |\n  echo hi\nenvs: {A: 1}\nsecrets: {B: x}',
    );
    expect(draft).toMatchObject({
      name: 'train',
      numNodes: 2,
      setup: 'pip list',
      run: 'echo hi\n',
      envs: { A: '1' },
      secrets: { B: 'x' },
      workdir: null,
      resources: null,
    });
    const { fileMounts: _, fileMountsMapping: __, ...spec } = draft;
    expect(taskSpec.parse(spec)).toMatchObject({ name: 'train', fileMounts: [] });
  });

  it('with nothing in it is a bare task', () => {
    for (const text of ['', '# nothing\n', '{}', 'resources:\n', 'run: ""']) {
      expect(task(text)).toMatchObject({ name: null, run: null, numNodes: 1, resources: null });
    }
  });

  it.each([
    ['resources:\n  cpu: 4', 'task.yaml:2:8: resources.cpu: no such field; did you mean cpus?'],
    [
      'resources:\n  any_of:\n    - memroy: 4',
      'resources.any_of[0].memroy: no such field; did you mean memory?',
    ],
    ['numnodes: 2', 'did you mean num_nodes?'],
    ['execution: serial', 'execution: no such field; it stands in the first document of a file with several'],
    ['resources:\n  autostop: {idle: 3}', 'resources.autostop.idle: no such field'],
    ['_metadata: {}', '_metadata: no such field'],
    ['- run: a', 'task.yaml:1:1: a task is a mapping'],
    ['just text', 'task.yaml:1:1: a task is a mapping'],
    ['name: 123', 'name: text is expected (not "123"); put it in quotes'],
    ['name: ../x', '1 to 128 characters'],
    ['num_nodes: 0', 'num_nodes: at least 1 (not "0")'],
    ['num_nodes: 1.5', 'a whole number'],
    ['num_nodes: "2"', 'a number is expected'],
    ['num_nodes: 010', 'a number does not begin with 0'],
    ['resources:\n  use_spot: maybe', 'task.yaml:2:13: resources.use_spot: true or false (not "maybe")'],
    ['run: [a, b]', 'run: text is expected'],
    ['resources: 4', 'resources: a mapping is expected'],
  ])('%j is refused: %s', (text, message) => {
    expect(refusal(text).message).toContain(message);
  });

  it('says field, rule, file, line, column and what to do', () => {
    expect(refusal('name: a\nresources:\n  cpu: 4').details).toMatchObject({
      field: 'resources.cpu',
      rule: 'no such field',
      hint: 'did you mean cpus?',
      file: 'task.yaml',
      line: 3,
      column: 8,
    });
  });

  it('takes true and false as YAML 1.1 writes them', () => {
    expect(asked('use_spot: yes')).toEqual([{ useSpot: true }]);
    expect(asked('use_spot: Off')).toEqual([{}]);
  });
});

describe('amounts', () => {
  it.each([
    ['cpus: 4', { cpus: { amount: 4, atLeast: false } }],
    ['cpus: "4+"', { cpus: { amount: 4, atLeast: true } }],
    ['cpus: 2+', { cpus: { amount: 2, atLeast: true } }],
    ['cpus: 0.5', { cpus: { amount: 0.5, atLeast: false } }],
    ['memory: 16', { memoryGiB: { amount: 16, atLeast: false } }],
    ['memory: 16+', { memoryGiB: { amount: 16, atLeast: true } }],
    ['memory: 16GB', { memoryGiB: { amount: 16, atLeast: false } }],
    ['memory: 512MiB+', { memoryGiB: { amount: 0.5, atLeast: true } }],
    [
      'memory: 4x\ncpus: 2',
      { cpus: { amount: 2, atLeast: false }, memoryGiB: { amount: 8, atLeast: false } },
    ],
    ['memory: 4x\ncpus: 2+', { cpus: { amount: 2, atLeast: true }, memoryGiB: { amount: 8, atLeast: true } }],
    ['disk_size: 100', { diskSizeGiB: 100 }],
    ['disk_size: 1TB', { diskSizeGiB: 1024 }],
    ['disk_size: 1500MB', { diskSizeGiB: 2 }],
    ['ports: 8080', { ports: ['8080'] }],
    ['ports: 8000-8010', { ports: ['8000-8010'] }],
    ['ports: [8080, "8080", 9000-9001, 22]', { ports: ['8080', '9000-9001', '22'] }],
    ['autostop: true', { autostop: { idleMinutes: 5, down: false, waitFor: 'jobs' } }],
    ['autostop: 10', { autostop: { idleMinutes: 10, down: false, waitFor: 'jobs' } }],
    ['autostop: 1h', { autostop: { idleMinutes: 60, down: false, waitFor: 'jobs' } }],
    ['autostop: {down: true}', { autostop: { idleMinutes: 0, down: true, waitFor: 'jobs' } }],
    [
      'autostop: {idle_minutes: 90s, wait_for: none}',
      { autostop: { idleMinutes: 1.5, down: false, waitFor: 'none' } },
    ],
    ['autostop: false', {}],
    ['autostop: -1', {}],
    ['autostop: {idle_minutes: -1}', {}],
    [
      'job_recovery: failover',
      { jobRecovery: { strategy: 'FAILOVER', maxRestartsOnErrors: 0, recoverOnExitCodes: [] } },
    ],
    [
      'job_recovery: {max_restarts_on_errors: 3, recover_on_exit_codes: 33}',
      { jobRecovery: { strategy: null, maxRestartsOnErrors: 3, recoverOnExitCodes: [33] } },
    ],
    ['labels: {team: ml, year: 2024}', { labels: { team: 'ml', year: '2024' } }],
    [
      'disk_tier: Best\nnetwork_tier: standard\npriority: -5',
      { diskTier: 'best', networkTier: 'standard', priority: -5 },
    ],
  ])('%j is taken', (text, spec) => {
    expect(asked(text)).toEqual([spec]);
  });

  it.each([
    'cpus: 0',
    'cpus: -1',
    'cpus: lots',
    'cpus: 4 cores',
    'cpus: .inf',
    'cpus: .nan',
    'memory: 4x',
    'memory: 16XB',
    'memory: 0GB',
    'disk_size: 0',
    'disk_size: 1e30',
    'ports: 0',
    'ports: 70000',
    'ports: 9000-8000',
    'ports: http',
    'autostop: soon',
    'autostop: {wait_for: ever}',
    'job_recovery: retry',
    'job_recovery: {max_restarts_on_errors: -1}',
    'job_recovery: {recover_on_exit_codes: [1, 1]}',
    'job_recovery: {recover_on_exit_codes: 256}',
    'priority: 1001',
    'disk_tier: fast',
    'labels: {a: [1]}',
    'labels: text',
  ])('%j is refused', (text) => {
    expect(refusal(`resources:\n  ${text.replaceAll('\n', '\n  ')}`).details['line']).toBe(2);
  });
});

describe('accelerators', () => {
  const names = (text: string) => {
    const found = choices(text);
    return [found?.mode, ...(found?.choices.map(({ accelerators: a }) => `${a?.name}:${a?.count}`) ?? [])];
  };
  it.each([
    ['accelerators: A100', ['any_of', 'A100:1']],
    ['accelerators: a100:8', ['any_of', 'A100:8']],
    ['accelerators: {A100: 8}', ['any_of', 'A100:8']],
    ['accelerators: {A100: 8, H100: }', ['any_of', 'A100:8', 'H100:1']],
    ['accelerators: ["H100:8", L4]', ['ordered', 'H100:8', 'L4:1']],
    ['accelerators: A100:0.5', ['any_of', 'A100:0.5']],
    ['accelerators: tpu-v2-8', ['any_of', 'tpu-v2-8:1']],
    [
      'any_of:\n- accelerators: {A100: 1, L4: 1}\n- cpus: 4\n  accelerators: T4',
      ['any_of', 'A100:1', 'L4:1', 'T4:1'],
    ],
    ['ordered:\n- accelerators: H100\n- accelerators: [L4, T4]', ['ordered', 'H100:1', 'L4:1', 'T4:1']],
  ])('%j', (text, expected) => {
    expect(names(text)).toEqual(expected);
  });

  it.each([
    'accelerators: []',
    'accelerators: A100:0',
    'accelerators: A100:many',
    'accelerators: {A100: -1}',
    'accelerators: 80GB+',
    'accelerators: [{A100: 8}]',
  ])('%j is refused', (text) => {
    expect(refusal(`resources:\n  ${text}`).details['field']).toMatch(/^resources\.accelerators/);
  });
  it('an order within a free choice is refused', () => {
    expect(refusal('resources: {any_of: [{accelerators: [A100, L4]}]}').message).toContain('cannot be mixed');
  });
});

describe('infra', () => {
  const place = (text: string) => {
    const choice = choices(text)?.choices[0];
    return [choice?.infra, choice?.region, choice?.zone];
  };
  it.each([
    ['infra: pool/lab', ['pool/lab', null, null]],
    ['infra: pool', ['pool', null, null]],
    ['infra: ssh/*', ['ssh', null, null]],
    ['infra: LOCAL', ['local', null, null]],
    ['infra: fake/demo/eu/eu-1', ['fake/demo', 'eu', 'eu-1']],
    ['infra: fake/demo/*/eu-1', ['fake/demo', null, 'eu-1']],
    ['infra: aws/us-east-1', ['aws', 'us-east-1', null]],
    ['infra: "*/us-east-1"', [null, 'us-east-1', null]],
    ['infra: "*"', [null, null, null]],
    ['infra: kubernetes/arn:aws:eks/x', ['k8s/arn:aws:eks/x', null, null]],
    ['cloud: GCP\nregion: us-central1\nzone: us-central1-a', ['gcp', 'us-central1', 'us-central1-a']],
    ['region: eu', [null, 'eu', null]],
  ])('%j', (text, expected) => {
    expect(place(text)).toEqual(expected);
  });
  it.each([
    'infra: local/x',
    'infra: pool/a/b',
    'infra: aws/a/b/c',
    'infra: "/"',
    'infra: a b',
    'infra: pool/a\ncloud: aws',
  ])('%j is refused', (text) => {
    expect(refusal(`resources:\n  ${text.replace('\n', '\n  ')}`).details['field']).toBe('resources.infra');
  });
});

describe('choices', () => {
  it('lie over the fields beside them', () => {
    expect(asked('cpus: 4\nmemory: 2x\nany_of:\n- infra: local\n- {infra: pool/a, cpus: 8}')).toEqual([
      { infra: 'local', cpus: { amount: 4, atLeast: false }, memoryGiB: { amount: 8, atLeast: false } },
      { infra: 'pool/a', cpus: { amount: 8, atLeast: false }, memoryGiB: { amount: 16, atLeast: false } },
    ]);
  });

  it('keep the order that is asked for, and come once each', () => {
    expect(choices('ordered: [{cpus: 4}, {cpus: 2}, {cpus: "4"}]')).toMatchObject({
      mode: 'ordered',
      choices: [{ cpus: { amount: 4 } }, { cpus: { amount: 2 } }],
    });
  });

  it('another infra takes region and zone with it', () => {
    expect(asked('cloud: aws\nregion: r\nzone: z\nany_of: [{cloud: gcp}, {region: q}]')).toEqual([
      { infra: 'gcp' },
      { infra: 'aws', region: 'q', zone: 'z' },
    ]);
    expect(asked('infra: fake/a/r/z', { overrides: { resources: { infra: 'local' } } })).toEqual([
      { infra: 'local' },
    ]);
    expect(asked('infra: fake/a/r/z', { overrides: { resources: { region: 'q' } } })).toEqual([
      { infra: 'fake/a', region: 'q' },
    ]);
  });

  it.each([
    ['any_of: [{cpus: 1}]\nordered: [{cpus: 1}]', 'exclude each other'],
    ['any_of: []', 'at least one'],
    ['any_of: {cpus: 1}', 'a list is expected'],
    ['any_of: [{any_of: [{cpus: 1}]}]', 'do not nest'],
    ['cpus: x\nany_of: [{cpus: 1}]', 'cores'],
    [`any_of: [${Array.from({ length: 101 }, (_, n) => `{cpus: ${n + 1}}`).join(',')}]`, 'at most 100'],
  ])('%j is refused', (text, message) => {
    expect(refusal(`resources:\n  ${text.replace('\n', '\n  ')}`).message).toContain(message);
  });

  it('are not multiplied out beyond 100', () => {
    const models = (count: number) => Array.from({ length: count }, (_, at) => `M${at}`).join(',');
    const empty = (count: number) => `any_of: [${'{},'.repeat(count)}]`;
    expect(refusal(`resources:\n  ${empty(16_000)}\n  accelerators: {${models(100)}}`).details['rule']).toBe(
      'at most 100 choices',
    );
    // The third would be refused, were it read.
    const text = `resources:\n  any_of: [{cpus: 1}, {cpus: 2}, {cpus: x}]\n  accelerators: {${models(51)}}`;
    expect(refusal(text).details['rule']).toMatch(/^at most 100 choices/);
    expect(choices(`${empty(100)}\naccelerators: {${models(100)}}`)?.choices).toHaveLength(100);
  });

  it('with a key of a million characters are refused in few words', () => {
    const error = refusalOf({ resources: { ['x'.repeat(1_000_000)]: 1 } });
    expect(error.message.length).toBeLessThan(1500);
    expect(error.message).not.toContain('did you mean');
    expect(JSON.stringify(error.details).length).toBeLessThan(1500);
  });
});

describe('variables', () => {
  it('are taken as they are written', () => {
    expect(task('envs: {A: 1.10, B: true, C: no, D: 2024-01-31, E: "", F: 0x10, G: 007}').envs).toEqual({
      A: '1.10',
      B: 'true',
      C: 'no',
      D: '2024-01-31',
      E: '',
      F: '0x10',
      G: '007',
    });
  });

  it('null must be given, and what is given wins', () => {
    const text = 'envs: {TOKEN: null, PATH_: , MODEL: small}\nsecrets: {KEY: }';
    expect(refusal(text).message).toContain(
      'envs.TOKEN: no value for TOKEN, PATH_; give one with --env TOKEN=... --env PATH_=...',
    );
    const overrides = { envs: { TOKEN: 't', PATH_: 'p', MODEL: 'big', NEW: 'n' }, secrets: { KEY: 'k' } };
    expect(task(text, { overrides })).toMatchObject({
      envs: { TOKEN: 't', PATH_: 'p', MODEL: 'big', NEW: 'n' },
      secrets: { KEY: 'k' },
    });
    expect(refusal('secrets: {KEY: }').message).toContain('--secret KEY=...');
  });

  it.each([
    'envs: {1A: x}',
    'envs: {A-B: x}',
    'envs: {DROVER_X: x}',
    'envs: {A: [1]}',
    'envs: [A]',
    'envs: {"A=B": x}',
    'envs: {A: x}\nsecrets: {A: y}',
    'envs: {A: "\\0"}',
  ])('%j is refused', (text) => {
    expect(refusal(text).details['field']).toMatch(/^(envs|secrets)/);
  });
  it('no error shows a secret', () => {
    for (const text of [
      'secrets: {A-B: hidden}',
      'secrets: {A: [hidden]}',
      'secrets: {A: "hidden\\0"}',
      'envs: {A: 1}\nsecrets: {A: hidden}',
    ]) {
      expect(JSON.stringify({ ...refusal(text).details, message: refusal(text).message })).not.toContain(
        'hidden',
      );
    }
  });

  it('are filled in in paths, and nowhere else', () => {
    const draft = task(
      'envs: {DIR: data, N: 7}\nworkdir: ~/${DIR}\nfile_mounts: {"/x/$DIR-${N}": "$DIR/y"}\nrun: echo $DIR ${N} $OTHER\nsetup: echo $DIR',
    );
    expect(draft).toMatchObject({
      workdir: '~/data',
      fileMounts: { '/x/data-7': 'data/y' },
      run: 'echo $DIR ${N} $OTHER',
      setup: 'echo $DIR',
    });
  });

  it('that are not there, or are secrets, are refused in paths', () => {
    expect(refusal('workdir: $HOME/x').message).toContain('$HOME is not among envs');
    expect(refusal('workdir: ${A').message).toContain('not among envs');
    expect(refusal('secrets: {A: hidden}\nfile_mounts: {"/x/$A": y}').message).toContain('is a secret');
    expect(task('workdir: ./a$b', { expand: false }).workdir).toBe('./a$b');
  });
});

describe('files', () => {
  it.each(['~/data', '/data', 'data/x', '/etc/app.conf', './x', '~/.config'])(
    '%j is a good target',
    (target) => {
      expect(task(`file_mounts: {${target}: local}`).fileMounts).toEqual({ [target]: 'local' });
    },
  );
  it.each([
    '/',
    '~',
    '/etc',
    '/proc/1',
    '/dev/null',
    '/sys',
    '/tmp',
    '/data/',
    'a/../b',
    '..',
    '',
    '.',
    '~root/x',
    '//etc',
    '/./etc/',
  ])('%j is refused as a target', (target) => {
    expect(refusal(`file_mounts: {"${target}": local}`).details['line']).toBe(1);
  });
  it('the same target twice is refused', () => {
    expect(refusal('file_mounts: {/a/b: x, /a//./b: y}').message).toContain('the same place as /a/b');
  });
  it.each([
    ['file_mounts: {/a: s3://bucket/x}', 'storage'],
    ['file_mounts: {/a: https://host/x}', 'storage'],
    ['file_mounts: {/a: {source: s3://x, mode: MOUNT}}', 'file_mounts./a.source: buckets'],
    ['file_mounts: {/a: {sauce: x}}', 'did you mean source?'],
    ['file_mounts: {/a: x/}', 'does not end in a slash'],
    ['file_mounts: {/a: }', 'text is expected'],
    ['workdir: {url: https://host/repo.git, ref: main}', 'clone it in setup'],
    ['workdir: {uri: x}', 'did you mean url?'],
    ['workdir: git@host:repo.git', 'clone it in setup'],
  ])('%j is refused', (text, message) => {
    expect(refusal(text).message).toContain(message);
  });
});

describe('several tasks', () => {
  it('are a chain, with a header that names it', () => {
    const chain = file('name: pipe\nexecution: serial\n---\nname: a\nrun: a\n---\nrun: b\n---\n');
    expect([chain.name, ...chain.tasks.map((each) => each.run)]).toEqual(['pipe', 'a', 'b']);
  });
  it('need no header; a header may have a name of null', () => {
    expect(file('run: a\n---\nrun: b')).toMatchObject({ name: null, tasks: [{ run: 'a' }, { run: 'b' }] });
    expect(file('name: null\n---\nrun: b')).toMatchObject({ name: null, tasks: [{ run: 'b' }] });
  });
  it.each([
    [
      'name: g\nexecution: parallel\n---\nrun: a',
      'task.yaml:2:12: execution: tasks do not run beside each other yet',
    ],
    ['name: g\nprimary_tasks: [a]\n---\nrun: a', 'primary_tasks'],
    ['name: g\ntermination_delay: 30s\n---\nrun: a', 'termination_delay'],
    ['name: g\n---\nrun: a\nexecution: serial', 'task.yaml:4:12: execution'],
    ['run: a\n---\n- b', 'a task is a mapping'],
  ])('%j is refused', (text, message) => {
    expect(refusal(text).message).toContain(message);
  });
  it('the launch names the chain, and its variables go to each', () => {
    const chain = file('name: a\n---\nname: one\nenvs: {A: }\n---\nrun: b', {
      overrides: { name: 'new', envs: { A: '1' }, numNodes: 3, workdir: '/w' },
    });
    expect(chain.name).toBe('new');
    expect(chain.tasks).toMatchObject([
      { name: 'one', envs: { A: '1' }, numNodes: 3, workdir: '/w' },
      { envs: { A: '1' }, numNodes: 3 },
    ]);
  });
});

describe('what the launch says', () => {
  it('wins over the file, over each choice', () => {
    const overrides = { name: 'x', workdir: null, resources: { cpus: '2+', accelerators: 'L4:2' } };
    const draft = task('name: a\nworkdir: w\nresources: {any_of: [{cpus: 1}, {memory: 3}]}', { overrides });
    expect(draft).toMatchObject({ name: 'x', workdir: null });
    expect(draft.resources?.choices).toMatchObject([
      { cpus: { amount: 2, atLeast: true }, accelerators: { name: 'L4', count: 2 }, memoryGiB: null },
      { cpus: { amount: 2, atLeast: true }, memoryGiB: { amount: 3 } },
    ]);
    expect(task('run: a', { overrides: { resources: { use_spot: true } } }).resources?.choices).toHaveLength(
      1,
    );
  });
  it('is refused by its own name', () => {
    expect(refusal('run: a', { overrides: { resources: { cpus: 'x' } } }).message).toContain(
      'the options: resources.cpus: a number of cores',
    );
    expect(refusal('run: a', { overrides: { numNodes: 0 } }).message).toContain('the options: num_nodes');
  });
});

describe('what SkyPilot’s client sends', () => {
  const text =
    'name: null\n---\nrun: a\n_user_specified_yaml: "run: a"\n_metadata: {a: 1}\nfile_mounts_mapping: {/l: l}\nvolume_mounts: []\nconfig: {}\nresources: {cpus: 2, _is_image_managed: null, _requires_fuse: true, _cluster_config_overrides: {}}\n';
  it('is known to its adapter, and to nobody else', () => {
    expect(task(text, { internalKeys: true })).toMatchObject({ run: 'a', fileMountsMapping: { '/l': 'l' } });
    expect(refusal(text).message).toContain('no such field');
    expect(refusal('resources: {_docker_login_config: {user: x}}', { internalKeys: true }).message).toContain(
      'containers',
    );
  });
});
