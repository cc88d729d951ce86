/** Each field of the table does what the table says, and docs/tasks.md shows that table. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DroverError } from '../drover-error.ts';
import { readYaml } from '../yaml/index.ts';
import { CHAIN_FIELDS, INTERNAL_FIELDS, parseTaskFile, TASK_FIELDS } from './index.ts';

const docs = readFileSync(join(import.meta.dirname, '../../../../docs/tasks.md'), 'utf8');

/** A file that says something by this field, and nothing else that the field does not need. */
const SAMPLES: Record<string, string> = {
  name: 'name: a',
  workdir: 'workdir: ./code',
  'workdir.url': 'workdir: {url: https://host/repo.git}',
  'workdir.ref': 'workdir: {ref: main}',
  num_nodes: 'num_nodes: 2',
  setup: 'setup: date',
  run: 'run: date',
  'envs.*': 'envs: {A: x}',
  'secrets.*': 'secrets: {A: x}',
  'file_mounts.*': 'file_mounts: {/data: ./data}',
  'file_mounts.*.name': 'file_mounts: {/data: {name: bucket}}',
  'file_mounts.*.source': 'file_mounts: {/data: {source: ./data}}',
  'file_mounts.*.store': 'file_mounts: {/data: {store: s3}}',
  'file_mounts.*.persistent': 'file_mounts: {/data: {persistent: true}}',
  'file_mounts.*.mode': 'file_mounts: {/data: {mode: MOUNT}}',
  'file_mounts.*.config': 'file_mounts: {/data: {config: {mount_cached: {transfers: 4}}}}',
  resources: 'resources: {cpus: 2}',
  'resources.infra': 'resources: {infra: local}',
  'resources.cloud': 'resources: {cloud: aws}',
  'resources.region': 'resources: {region: eu}',
  'resources.zone': 'resources: {zone: eu-1}',
  'resources.instance_type': 'resources: {instance_type: large}',
  'resources.cpus': 'resources: {cpus: 4+}',
  'resources.memory': 'resources: {memory: 16GB}',
  'resources.accelerators': 'resources: {accelerators: "A100:8"}',
  'resources.accelerator_args': 'resources: {accelerator_args: {tpu_vm: true}}',
  'resources.use_spot': 'resources: {use_spot: true}',
  'resources.disk_size': 'resources: {disk_size: 100}',
  'resources.disk_tier': 'resources: {disk_tier: high}',
  'resources.network_tier': 'resources: {network_tier: best}',
  'resources.local_disk': 'resources: {local_disk: nvme}',
  'resources.ports': 'resources: {ports: 8080}',
  'resources.labels.*': 'resources: {labels: {a: b}}',
  'resources.image_id': 'resources: {image_id: "docker:ubuntu"}',
  'resources.volumes': 'resources: {volumes: [{name: a}]}',
  'resources.autostop': 'resources: {autostop: true}',
  'resources.autostop.idle_minutes': 'resources: {autostop: {idle_minutes: 7}}',
  'resources.autostop.down': 'resources: {autostop: {down: true}}',
  'resources.autostop.wait_for': 'resources: {autostop: {wait_for: none}}',
  'resources.autostop.hook': 'resources: {autostop: {hook: date}}',
  'resources.autostop.hook_timeout': 'resources: {autostop: {hook_timeout: 60}}',
  'resources.priority': 'resources: {priority: 5}',
  'resources.job_recovery': 'resources: {job_recovery: FAILOVER}',
  'resources.job_recovery.strategy': 'resources: {job_recovery: {strategy: EAGER_NEXT_REGION}}',
  'resources.job_recovery.max_restarts_on_errors': 'resources: {job_recovery: {max_restarts_on_errors: 3}}',
  'resources.job_recovery.recover_on_exit_codes': 'resources: {job_recovery: {recover_on_exit_codes: [33]}}',
  'resources.any_of': 'resources: {any_of: [{cpus: 2}, {cpus: 4}]}',
  'resources.ordered': 'resources: {ordered: [{cpus: 2}, {cpus: 4}]}',
  'inputs.*': 'inputs: {"s3://bucket": 10}',
  'outputs.*': 'outputs: {"s3://bucket": 10}',
  service: 'service: {readiness_probe: /, replicas: 2}',
  pool: 'pool: {workers: 2}',
  volumes: 'volumes: {/mnt: disk}',
  config: 'config: {docker: {run_options: [--ipc=host]}}',
  event_callback: 'event_callback: date',
};
const HEADERS: Record<string, string> = {
  name: 'name: chain',
  execution: 'name: chain\nexecution: parallel',
  primary_tasks: 'name: chain\nprimary_tasks: [a]',
  termination_delay: 'name: chain\ntermination_delay: 30s',
};
const INTERNAL: Record<string, string> = {
  _user_specified_yaml: '_user_specified_yaml: "run: a"',
  _metadata: '_metadata: {a: b}',
  file_mounts_mapping: 'file_mounts_mapping: {/local: stored}',
  volume_mounts: 'volume_mounts: [{a: b}]',
  'resources._is_image_managed': 'resources: {_is_image_managed: true}',
  'resources._requires_fuse': 'resources: {_requires_fuse: true}',
  'resources._no_missing_accel_warnings': 'resources: {_no_missing_accel_warnings: true}',
  'resources._docker_login_config': 'resources: {_docker_login_config: {username: a}}',
  'resources._docker_username_for_runpod': 'resources: {_docker_username_for_runpod: a}',
  'resources._cluster_config_overrides': 'resources: {_cluster_config_overrides: {a: b}}',
};

function outcome(text: string, internalKeys = false): { draft?: string; field?: string; rule?: string } {
  try {
    return { draft: JSON.stringify(parseTaskFile(readYaml(text), { internalKeys })) };
  } catch (error) {
    if (!(error instanceof DroverError) || error.code !== 'INVALID_TASK') throw error;
    return { field: String(error.details['field']), rule: String(error.details['rule']) };
  }
}
/** `file_mounts.*.mode` as a pattern of what an error names. */
const named = (path: string) => new RegExp(`^${path.replaceAll('.', '\\.').replaceAll('*', '[^.]+')}$`);

describe('the fields of a task file', () => {
  it('have a sample each', () => {
    expect(Object.keys(SAMPLES)).toEqual(TASK_FIELDS.map(({ path }) => path));
    expect(Object.keys(HEADERS)).toEqual(CHAIN_FIELDS.map(({ path }) => path));
    expect(Object.keys(INTERNAL)).toEqual(INTERNAL_FIELDS.map(({ path }) => path));
  });

  it.each(TASK_FIELDS.map((rule) => [rule.path, rule] as const))('%s', (path, { verdict, meaning }) => {
    const { draft, field, rule } = outcome(SAMPLES[path] ?? '');
    if (verdict === 'refused') {
      expect(field).toMatch(named(path));
      expect(rule).toBe(meaning);
    } else expect(draft).not.toBe(outcome('').draft);
  });

  it('that are refused may say that nothing is asked', () => {
    for (const { path, verdict } of TASK_FIELDS) {
      if (verdict !== 'refused' || path.startsWith('workdir.') || path.startsWith('file_mounts.')) continue;
      const [last, ...above] = path.split('.').reverse();
      for (const nothing of ['null', 'false', '{}', '[]', '""']) {
        const text = above.reduce((inner, key) => `${key}: {${inner}}`, `${last}: ${nothing}`);
        expect(outcome(text), text).toHaveProperty('draft');
      }
    }
  });

  it('of a chain are as its table says', () => {
    for (const { path, verdict, meaning } of CHAIN_FIELDS) {
      const { field, rule } = outcome(`${HEADERS[path]}\n---\nrun: a`);
      expect(field, path).toBe(verdict === 'refused' || path === 'execution' ? path : undefined);
      if (verdict === 'refused') expect(rule).toBe(meaning);
    }
  });

  it.each(INTERNAL_FIELDS.map((rule) => [rule.path, rule] as const))(
    'of SkyPilot’s client are known to its adapter: %s',
    (path, { verdict }) => {
      expect(outcome(INTERNAL[path] ?? '').rule).toBe('no such field');
      const { field, draft } = outcome(INTERNAL[path] ?? '', true);
      if (verdict === 'refused') expect(field).toBe(path);
      else expect(draft).toBeDefined();
    },
  );
});

describe('docs/tasks.md', () => {
  it('shows the table', () => {
    const shown = docs.split('\n').filter((line) => /^\| `/.test(line));
    const rows = TASK_FIELDS.map(({ path, verdict, meaning }) => `| \`${path}\` | ${verdict} | ${meaning} |`);
    expect(shown).toEqual(rows);
  });

  const examples = [...docs.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text]) => text ?? '');
  it('has examples', () => expect(examples.length).toBeGreaterThan(3));
  it.each(examples)('has an example that is taken: %j', (text) => {
    const overrides = { envs: { RUN_ID: '1' }, secrets: { HF_TOKEN: 'x' } };
    expect(parseTaskFile(readYaml(text, 'docs/tasks.md'), { overrides }).tasks.length).toBeGreaterThan(0);
  });
});
