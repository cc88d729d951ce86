/** What the machines of fake infra are: workers on this machine that offer what their type says. */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { HeadPlace } from '../head-place.ts';
import type { WorkerProcesses } from '../worker-processes.ts';
import type { FakeDesk, FakeHost, FakeMachineRecord } from './cloud.ts';
import type { FakeType } from './config.ts';

/** The folder of a second worker with the same token. */
const copyOf = (tag: string): string => `${tag}.copy`;

/** @param place where this head is now: a machine outlives the port of its head */
export function localFakeHost(processes: WorkerProcesses, place: () => Promise<HeadPlace>): FakeHost {
  const start = async (folder: string, machine: FakeMachineRecord, type: FakeType): Promise<void> => {
    const { cpus, memoryMiB, gpus = 'none' } = type;
    const shape = { name: `fake-${machine.tag.slice(-8)}`, cpus, memoryMiB, gpus };
    await processes.start(folder, shape, await place(), machine.order.join.token);
  };
  return {
    boot: async (machine, type) => await start(machine.tag, machine, type),
    bootCopy: async (machine, type) => await start(copyOf(machine.tag), machine, type),
    halt: async (tag) => {
      await processes.end(tag);
      await processes.end(copyOf(tag));
    },
    erase: async (tag) => {
      await processes.erase(tag);
      await processes.erase(copyOf(tag));
    },
    addressOf: (tag) => (processes.isAlive(tag) ? '127.0.0.1' : null),
    lastWords: (tag) => processes.lastWords(tag),
  };
}

/** The records of the machines in one file of the folder. */
export function fileDesk(dir: string): FakeDesk {
  const path = join(dir, 'machines.json');
  return {
    load: () => (existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as FakeMachineRecord[]) : []),
    save(records) {
      writeFileSync(`${path}.new`, `${JSON.stringify(records)}\n`, { mode: 0o600 });
      renameSync(`${path}.new`, path);
    },
  };
}
