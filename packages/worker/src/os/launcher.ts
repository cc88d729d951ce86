/** Begins attempts: never one twice, and leaving nothing behind when a start fails. */
import type { StartOrder } from '@drover/core/wire';
import { type Clock, LaunchError, type Logger } from '../agent/ports.ts';
import { type Attempt, newAttempt } from './attempt.ts';
import { type CgroupSetup, entryOf, makeCgroup, removeCgroup } from './cgroups.ts';
import type { Ends } from './ends.ts';
import { argumentsOf, instanceEnvironment } from './environment.ts';
import { folderOf, homeOf, makeAttemptFolder, removeAttemptFolder, writeRecord } from './folder.ts';
import { recall, recallShim, recordOrAside } from './found.ts';
import type { PortPool } from './ports.ts';
import { bootId } from './process.ts';
import type { Shims } from './shims.ts';
import { checkPlaces, workingDirectory } from './start.ts';

export interface LauncherParts {
  readonly stateDir: string;
  readonly shims: Shims;
  /** Absolute path of bash, or of sh where there is none. */
  readonly shell: string;
  readonly inherited: Record<string, string>;
  readonly cgroups: CgroupSetup;
  /** What a command gets for /proc/self/oom_score_adj; null leaves it alone. */
  readonly oomScore: number | null;
  readonly pool: PortPool;
  readonly clock: Pick<Clock, 'wallMs'>;
  readonly logger: Logger;
}

const OWNER_WAIT_MS = 10_000;

export class Launcher {
  private readonly parts: LauncherParts;
  private readonly ends: Ends;

  constructor(parts: LauncherParts, ends: Ends) {
    this.parts = parts;
    this.ends = ends;
  }

  /** Begins the attempt, or finds it begun. `known` is what a scan found of it. @throws {LaunchError} */
  async begin(order: StartOrder, id: string, known: Attempt | undefined): Promise<Attempt> {
    const { stateDir, logger, pool } = this.parts;
    const folder = folderOf(stateDir, order.instance, order.attempt);
    const isNew = makeAttemptFolder(folder);
    const record = isNew ? null : recordOrAside(stateDir, folder, id, logger);
    const attempt = known ?? (record === null ? newAttempt(order, folder, 0) : await recall(folder, record));
    if (!isNew && attempt.shim === null) await recallShim(attempt);
    try {
      if (attempt.isRebuilt && attempt.shim === null)
        throw new LaunchError('START_FAILED', 'it began before, and how is not known any more');
      if (attempt.shim === null) checkPlaces(attempt.order);
      if (record === null) attempt.port = await pool.take();
      else if (!attempt.holdsPort) await pool.adopt(attempt.port);
      attempt.holdsPort = true;
      if (attempt.shim === null) await this.start(attempt, isNew);
      else this.ends.follow(attempt);
    } catch (error) {
      await this.undo(attempt, isNew);
      throw error instanceof LaunchError
        ? error
        : new LaunchError('START_FAILED', `the attempt could not be prepared: ${error}`);
    }
    return attempt;
  }

  private async start(attempt: Attempt, isNew: boolean): Promise<void> {
    const { cgroups, oomScore, shell, shims, inherited, clock } = this.parts;
    const { order, folder, port } = attempt;
    attempt.ofThisBoot = true;
    attempt.cgroup = makeCgroup(cgroups, attempt.id, order.memoryMiB);
    writeRecord(folder, { order, port, bootId: bootId(), cgroup: attempt.cgroup }, isNew);
    const home = order.home == null ? null : homeOf(this.parts.stateDir, order.home);
    const cwd = workingDirectory(order, folder, home);
    const env = instanceEnvironment(inherited, order, port, cwd, home);
    const entry = attempt.cgroup === null ? '' : entryOf(cgroups, attempt.cgroup);
    const options = [entry, oomScore === null ? '' : String(oomScore), String(order.logCapBytes)];
    let pid = 0;
    let gone = false;
    const isIts = (): boolean => attempt.shim?.pid === pid && attempt.isChild;
    const started = await shims.start([folder, ...options, ...argumentsOf(order, port, shell)], env, cwd, {
      // Of one that is not ours yet, its owner is asked for below, and followed.
      exited: () => void setImmediate(() => isIts() && this.ends.exitWritten(attempt)),
      gone: (status) => {
        gone = true;
        if (isIts()) this.ends.childEnded(attempt, status);
      },
      orphaned: () => void setImmediate(() => isIts() && this.ends.orphaned(attempt)),
    });
    pid = started.pid;
    // Nobody but our shim can own a folder that we made. Else another may, from before a restart: its name decides.
    if (!isNew || started.mayBeSecond) {
      await this.ownerNamed(attempt, () => gone);
      if (started.mayBeSecond || attempt.shim?.pid !== pid) return this.ends.follow(attempt);
    }
    attempt.shim = { pid, startTicks: null, startedAtMs: clock.wallMs() };
    attempt.isChild = !gone;
    attempt.rotates = shims.rotates;
    if (gone) setImmediate(() => this.ends.look(attempt));
  }

  private async ownerNamed(attempt: Attempt, isGone: () => boolean): Promise<void> {
    const deadline = performance.now() + OWNER_WAIT_MS;
    for (;;) {
      const gone = isGone();
      if ((await recallShim(attempt)) === 'shim') return;
      if (gone || performance.now() > deadline)
        throw new LaunchError('START_FAILED', 'the shim could not begin');
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  private async undo(attempt: Attempt, isNew: boolean): Promise<void> {
    if (attempt.holdsPort) this.parts.pool.giveBack(attempt.port, false);
    attempt.holdsPort = false;
    if (!isNew) return;
    if (attempt.cgroup !== null) removeCgroup(attempt.cgroup);
    await removeAttemptFolder(attempt.folder);
  }
}
