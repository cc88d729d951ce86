/** Finds out what this machine allows, and puts the parts together. */
import { accessSync, constants, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Supervision } from '@drover/core/wire';
import type { Clock, Logger, Machine } from '../agent/ports.ts';
import { readIfThere } from './atomic.ts';
import { setUpCgroups } from './cgroups.ts';
import { inheritedEnvironment } from './environment.ts';
import { canTrim } from './log-trimmer.ts';
import { OsMachine } from './machine.ts';
import { ownCgroupsOrNull } from './mounts.ts';
import { PortPool } from './ports.ts';
import { chooseShim, type ShimWish, wishFrom } from './shim-choice.ts';
import { Shims } from './shims.ts';
import { PortsReader } from './sockets.ts';

export interface MachineOptions {
  /** Of this worker alone: hold it with `acquireLock`. */
  readonly stateDir: string;
  readonly workerId: string;
  /** Absolute path of shim.sh; the native shim is looked for from there. */
  readonly shimPath: string;
  /** Default: what the variable DROVER_SHIM says, else `auto`. */
  readonly shim?: ShimWish;
  /** Instances inherit only an allow-list of the worker's environment. */
  readonly cleanEnv?: boolean;
  /** False leaves cgroups alone, where somebody else rules them: then no memory limit holds. Default true. */
  readonly useCgroups?: boolean;
  readonly logger: Logger;
  readonly clock?: Pick<Clock, 'wallMs' | 'monoMs'>;
}

export type OsWorkerMachine = Machine & {
  readonly supervision: Supervision;
  /** Lets go of files, timers and ports. Instances go on. */
  close(): Promise<void>;
};

const realClock = { wallMs: () => Date.now(), monoMs: () => performance.now() };

/**
 * A machine on a state folder, which is made when missing. Call `scan` before anything else.
 * @throws {RangeError} when the shim that is wished for cannot be had
 */
export async function createMachine(options: MachineOptions): Promise<OsWorkerMachine> {
  const { stateDir, workerId, shimPath, logger } = options;
  mkdirSync(join(stateDir, 'instances'), { recursive: true, mode: 0o700 });
  const clock = options.clock ?? realClock;
  const cgroups = setUpCgroups(workerId, options.useCgroups === false ? null : ownCgroupsOrNull());
  const trimsLogs = canTrim(stateDir);
  const shim = chooseShim(shimPath, options.shim ?? wishFrom(process.env.DROVER_SHIM));
  const bash = findProgram('bash');
  const oom = oomScore();
  const notes = [
    ...shim.notes,
    ...cgroups.notes,
    ...(trimsLogs || shim.kind === 'native'
      ? []
      : ['log caps do not free disk space: fallocate cannot punch holes here']),
    ...(bash === null ? ['no bash: command strings run in sh'] : []),
  ];
  for (const note of notes) logger.warn({}, note);
  const machine = new OsMachine({
    stateDir,
    shims: new Shims(shim, logger),
    shell: bash ?? '/bin/sh',
    inherited: inheritedEnvironment(process.env, options.cleanEnv ?? false),
    cgroups,
    oomScore: oom < 0 ? 0 : null,
    trimsLogs,
    pool: new PortPool(workerId, clock.monoMs),
    ports: new PortsReader(clock.monoMs),
    clock,
    logger,
  });
  const supervision: Supervision = {
    shim: shim.kind,
    cgroup: cgroups.kind,
    memoryEnforced: cgroups.limitsMemory,
    notes,
  };
  return Object.assign(machine, { supervision });
}

/**
 * Makes the kernel prefer other victims than this worker when the machine runs out of memory; false where that is not
 * allowed. Instances get 0 again.
 */
export function protectFromOutOfMemory(): boolean {
  try {
    writeFileSync('/proc/self/oom_score_adj', '-500');
    return true;
  } catch {
    return false;
  }
}

const oomScore = (): number => Number(readIfThere('/proc/self/oom_score_adj') ?? 0);

function findProgram(name: string): string | null {
  for (const folder of (process.env.PATH ?? '').split(':')) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      if (path.startsWith('/')) return path;
    } catch {
      // Not here.
    }
  }
  return null;
}
