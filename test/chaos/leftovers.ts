/** What is still there when every instance has ended: there should be nothing. */
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Leftovers } from './checkers/facts.ts';
import type { ChaosHerd, WorkerComponent } from './harness/herd.ts';
import { markedProcesses, namespaceOf } from './harness/processes.ts';
import { pause } from './harness/shell.ts';

const SETTLE_MS = 20_000;
const CGROUPS = '/sys/fs/cgroup';

/** Waits a while for it to be nothing; removals follow an end. */
export async function findLeftovers(herd: ChaosHerd): Promise<Leftovers> {
  const deadline = performance.now() + SETTLE_MS;
  for (;;) {
    const left = look(herd);
    const count = Object.values(left).reduce((sum: number, list: readonly string[]) => sum + list.length, 0);
    if (count === 0 || performance.now() > deadline) return left;
    await pause(250);
  }
}

function look(herd: ChaosHerd): Leftovers {
  const workers = [...herd.workers.values()];
  // Other herds of the same run have namespaces of their own.
  const ours = new Set(workers.map(({ name }) => herd.network.inode(name)));
  const processes = markedProcesses().filter(({ pid }) => ours.has(namespaceOf(pid) ?? ''));
  return {
    processes: processes.map(
      ({ pid, instance, attempt, isShim }) =>
        `${pid} ${isShim ? 'shim' : 'process'} of ${instance} attempt ${attempt}`,
    ),
    cgroups: workers.flatMap(cgroupsOf),
    folders: workers.flatMap(({ name, disk }) => foldersIn(disk.folder).map((folder) => `${name}/${folder}`)),
    ports: workers.flatMap((worker) => portsOf(worker)),
  };
}

/** Those of attempts; the worker's own stays as long as it lives. */
function cgroupsOf(worker: WorkerComponent): string[] {
  const name = `drover-${worker.id.slice(0, 8)}`;
  return foldersNamed(CGROUPS, name, 6).flatMap((own) => foldersBelow(own).map((each) => join(own, each)));
}

/** Folders come and go meanwhile: one that has gone has nothing in it. */
function foldersBelow(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap((each) =>
      each.isDirectory() ? [each.name] : [],
    );
  } catch {
    return [];
  }
}

function foldersNamed(folder: string, name: string, depth: number): string[] {
  if (depth === 0) return [];
  return foldersBelow(folder).flatMap((each) =>
    each === name ? [join(folder, each)] : foldersNamed(join(folder, each), name, depth - 1),
  );
}

const foldersIn = (state: string): string[] => {
  const root = join(state, 'instances');
  return existsSync(root) ? readdirSync(root) : [];
};

/** Listening sockets in the worker's namespace that are not its own. */
function portsOf(worker: WorkerComponent): string[] {
  const pid = worker.program?.pid;
  if (!worker.program?.isAlive || pid === undefined) return [];
  const own = new Set(socketsOf(pid));
  return readFileSync(`/proc/${pid}/net/tcp`, 'utf8')
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[3] === '0A' && !own.has(fields[9] ?? ''))
    .map((fields) => `${worker.name} listens on ${Number.parseInt(fields[1]?.split(':')[1] ?? '', 16)}`);
}

function socketsOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      const [, inode = ''] = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`)) ?? [];
      return inode === '' ? [] : [inode];
    } catch {
      return [];
    }
  });
}
