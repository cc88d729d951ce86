/**
 * Every field of a task file, and what becomes of it. The parsers take their keys from here, docs/tasks.md shows the
 * table, and a test holds both to it.
 */

/** enforced: what it says happens. recorded: kept and shown, and nothing else yet. refused: an error names it. */
export type Verdict = 'enforced' | 'recorded' | 'refused';

export interface FieldRule {
  /** `*` stands for a key of the user's choice. */
  readonly path: string;
  readonly verdict: Verdict;
  /** What it means; of a refused field: why. */
  readonly meaning: string;
}

const STORAGE = 'buckets and storage are not there yet: copy a local file or folder instead';
const SERVICES = 'services are not there yet';
const VOLUMES = 'volumes are not there yet';
const HOOKS = 'hooks are not there yet';
const ARGS = 'no infra here has accelerators that take arguments';
const IMAGES = 'tasks run as processes of the node; images and containers are not there yet';
const POLICY = 'a task cannot change the configuration of the head';

const enforced = (path: string, meaning: string): FieldRule => ({ path, verdict: 'enforced', meaning });
const recorded = (path: string, meaning: string): FieldRule => ({ path, verdict: 'recorded', meaning });
const refused = (path: string, meaning: string): FieldRule => ({ path, verdict: 'refused', meaning });

export const TASK_FIELDS: readonly FieldRule[] = [
  enforced('name', 'what lists and logs call it'),
  enforced('workdir', 'a local folder; setup and run begin in a copy of it'),
  refused('workdir.url', 'workdir is a local folder: a repository is not fetched yet, clone it in setup'),
  refused('workdir.ref', 'workdir is a local folder: a repository is not fetched yet, clone it in setup'),
  enforced('num_nodes', '1 to 1000, 1 when nothing is said'),
  enforced('setup', 'a script that prepares each node, before run'),
  enforced('run', 'the script that each node runs'),
  enforced('envs.*', 'a variable for setup and run; null: it must be given at the launch'),
  enforced('secrets.*', 'as envs, and shown nowhere'),
  enforced('file_mounts.*', 'path on the node: local file or folder that is copied there'),
  refused('file_mounts.*.name', STORAGE),
  refused('file_mounts.*.source', STORAGE),
  refused('file_mounts.*.store', STORAGE),
  refused('file_mounts.*.persistent', STORAGE),
  refused('file_mounts.*.mode', STORAGE),
  refused('file_mounts.*.config', STORAGE),
  enforced('resources', 'what each node must have; see below'),
  enforced(
    'resources.infra',
    '`pool/<name>`, `local`, `ssh/<pool>`, `fake/<name>`, or only the kind; `/region/zone`; `*` is any',
  ),
  enforced('resources.cloud', 'older form of the first part of infra'),
  enforced('resources.region', 'older form of the second'),
  enforced('resources.zone', 'older form of the third'),
  enforced('resources.instance_type', 'a machine type by its name'),
  enforced('resources.cpus', 'cores: `4`, `4+`'),
  enforced('resources.memory', 'GiB: `16`, `16+`, `16GB`, `512MB`; `4x`: four for each core'),
  enforced(
    'resources.accelerators',
    '`A100`, `A100:8`, `{A100: 8}`; a map of several: any of them; a list: in this order',
  ),
  refused('resources.accelerator_args', ARGS),
  enforced('resources.use_spot', 'machines that may be taken away, at their price'),
  enforced(
    'resources.disk_size',
    'GiB, or with a unit; enforced where the infra says how large its disks are, else recorded',
  ),
  recorded('resources.disk_tier', 'low, medium, high, ultra, best or none'),
  recorded('resources.network_tier', 'standard or best'),
  refused('resources.local_disk', 'no infra here says which local disks it has'),
  recorded(
    'resources.ports',
    'a port, a range `8000-8010`, or a list; nothing stands between a node and its network, so nothing is opened',
  ),
  recorded('resources.labels.*', 'shown with the cluster'),
  refused('resources.image_id', IMAGES),
  refused('resources.volumes', VOLUMES),
  enforced('resources.autostop', 'true, false, minutes, `10m`, `1h`, or the fields below'),
  enforced(
    'resources.autostop.idle_minutes',
    '5 when nothing is said, 0 with down; a negative number: no autostop',
  ),
  enforced('resources.autostop.down', 'tear down instead of stopping'),
  enforced(
    'resources.autostop.wait_for',
    'what keeps it alive: jobs (nothing said), jobs_and_ssh, or none: a timer that nothing resets',
  ),
  refused('resources.autostop.hook', HOOKS),
  refused('resources.autostop.hook_timeout', HOOKS),
  recorded('resources.priority', '-1000 to 1000, for managed jobs'),
  recorded('resources.job_recovery', 'the strategy by name, or the fields below; for managed jobs'),
  recorded('resources.job_recovery.strategy', 'EAGER_NEXT_REGION or FAILOVER'),
  recorded('resources.job_recovery.max_restarts_on_errors', '0 or more'),
  recorded('resources.job_recovery.recover_on_exit_codes', 'a code from 0 to 255, or a list of them'),
  enforced('resources.any_of', 'a list of resources, each over the fields beside it: the best of them'),
  enforced('resources.ordered', 'as any_of: the first that can be had'),
  recorded('inputs.*', 'where data comes from, and how many GB'),
  recorded('outputs.*', 'where results go, and how many GB'),
  refused('service', SERVICES),
  refused('pool', SERVICES),
  refused('volumes', VOLUMES),
  refused('config', POLICY),
  refused('event_callback', 'managed jobs are not there yet, and nothing else has such events'),
];

/** The header of a file with several tasks. */
export const CHAIN_FIELDS: readonly FieldRule[] = [
  enforced('name', 'of the chain'),
  enforced(
    'execution',
    '`serial`, also when nothing is said: one task after the other. `parallel` is refused',
  ),
  refused('primary_tasks', 'tasks do not run beside each other yet'),
  refused('termination_delay', 'tasks do not run beside each other yet'),
];

/** What SkyPilot's own client adds when it sends a task; known to its adapter only. */
export const INTERNAL_FIELDS: readonly FieldRule[] = [
  recorded('_user_specified_yaml', 'the file as its user wrote it'),
  recorded('_metadata', 'notes of that client to itself'),
  enforced('file_mounts_mapping', 'local path: its path in what was uploaded'),
  refused('volume_mounts', VOLUMES),
  recorded('resources._is_image_managed', 'how that client read image_id'),
  recorded('resources._requires_fuse', 'whether it mounts buckets'),
  recorded('resources._no_missing_accel_warnings', 'which warnings it leaves out'),
  refused('resources._docker_login_config', IMAGES),
  refused('resources._docker_username_for_runpod', IMAGES),
  refused('resources._cluster_config_overrides', POLICY),
];

/** The keys of the mapping at that path (`resources.autostop`); `''` is the top. */
export function keysAt(path: string, rules: readonly FieldRule[] = TASK_FIELDS): string[] {
  const keys = rules.flatMap((rule) => {
    if (path !== '' && !rule.path.startsWith(`${path}.`)) return [];
    const [key = ''] = rule.path.slice(path === '' ? 0 : path.length + 1).split('.');
    return [key];
  });
  return [...new Set(keys)];
}

/** Why the field is refused; null when it is not. */
export function refusalOf(path: string, rules: readonly FieldRule[] = TASK_FIELDS): string | null {
  const rule = rules.find((each) => each.path === path);
  return rule?.verdict === 'refused' ? rule.meaning : null;
}
