/** The machine under the worker: processes, cgroups, ports and logs behind the port `Machine`. */
import { existsSync } from 'node:fs';
import type { StartOrder } from '@drover/core/wire';
import type { AttemptKey, Clock, FoundAttempt, Machine, Started, StopNote } from '../agent/ports.ts';
import { LaunchError } from '../agent/ports.ts';
import { type Attempt, type End, isShimAlive } from './attempt.ts';
import { removeCgroup, removeSetup } from './cgroups.ts';
import { Ends } from './ends.ts';
import { claimStart, doomFolder, folderOf, writeStop } from './folder.ts';
import { GpuMemory } from './gpu-memory.ts';
import { Inventory } from './inventory.ts';
import { Launcher, type LauncherParts } from './launcher.ts';
import { isOddLog, logExtent, readLog, watchLog } from './logs.ts';
import { Members } from './members.ts';
import { markFor, readStat, sendSignal } from './process.ts';
import { Removals } from './removals.ts';
import { Rounds } from './rounds.ts';
import type { PortsReader } from './sockets.ts';

export interface MachineParts extends LauncherParts {
  readonly trimsLogs: boolean;
  readonly ports: PortsReader;
  readonly clock: Pick<Clock, 'wallMs' | 'monoMs'>;
}

/** Connections linger for a minute, so an old reading tells as much; a reading takes milliseconds on a large machine. */
const LINGER_AGE_MS = 500;
const idOf = (key: AttemptKey): string => markFor(key.instance, key.attempt);

export class OsMachine implements Machine {
  private readonly parts: MachineParts;
  private readonly attempts = new Map<string, Attempt>();
  private readonly launching = new Map<string, Promise<Started>>();
  private readonly members = new Members();
  private readonly gpuMemory = new GpuMemory();
  private readonly removals = new Removals();
  private readonly rounds: Rounds;
  private readonly ends: Ends;
  /** Attempts of which it was said already that something is wrong with them. */
  private readonly troubled = new Set<string>();
  private readonly launcher: Launcher;
  private readonly inventory: Inventory;

  constructor(parts: MachineParts) {
    this.parts = parts;
    this.ends = new Ends(parts.clock.wallMs, parts.logger);
    this.launcher = new Launcher(parts, this.ends);
    this.rounds = new Rounds({
      monoMs: parts.clock.monoMs,
      ports: parts.ports,
      trims: parts.trimsLogs,
      sample: (attempt) => this.sample(attempt),
      failed: (attempt, error) => this.trouble(attempt.id, attempt.folder, error),
    });
    const { attempts, launching, members, removals, rounds, ends } = this;
    const trouble = this.trouble.bind(this);
    this.inventory = new Inventory({
      ...parts,
      attempts,
      launching,
      members,
      removals,
      rounds,
      ends,
      trouble,
    });
  }

  scan(): Promise<FoundAttempt[]> {
    return this.inventory.take();
  }

  launch(order: StartOrder): Promise<Started> {
    const id = idOf(order);
    const under = this.launching.get(id);
    if (under !== undefined) return under;
    const launching = this.begin(order, id).finally(() => this.launching.delete(id));
    this.launching.set(id, launching);
    return launching;
  }

  private async begin(order: StartOrder, id: string): Promise<Started> {
    const known = this.attempts.get(id);
    if (known?.shim != null) return startedOf(known);
    const attempt = await this.launcher.begin(order, id, known);
    this.attempts.set(id, attempt);
    this.rounds.add(attempt);
    return startedOf(attempt);
  }

  /** A shim of an earlier process may be just about to begin: whoever makes `started` decides. */
  async withdraw(key: AttemptKey): Promise<boolean> {
    const attempt = this.attempts.get(idOf(key));
    if (this.launching.has(idOf(key)) || (attempt !== undefined && attempt.shim !== null)) return false;
    if (attempt !== undefined && !claimStart(attempt.folder)) return false;
    await this.remove(key);
    return true;
  }

  onEnd(listener: (key: AttemptKey, exit: End) => void): void {
    this.ends.onEnd(listener);
  }

  async noteStop(key: AttemptKey, note: StopNote): Promise<void> {
    const folder = this.folder(key);
    try {
      if (existsSync(folder)) writeStop(folder, note);
    } catch (error) {
      // The stop goes on: the note only helps a worker that restarts.
      this.parts.logger.warn({ attempt: idOf(key), folder, why: String(error) }, 'a stop could not be noted');
    }
  }

  async signal(key: AttemptKey, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const attempt = this.attempts.get(idOf(key));
    if (attempt === undefined) return;
    this.noteGpuPids(attempt);
    attempt.wasSignalled = true;
    await (signal === 'SIGTERM' ? this.members.terminate(attempt) : this.members.kill(attempt));
  }

  async isEmpty(key: AttemptKey): Promise<boolean> {
    const attempt = this.attempts.get(idOf(key));
    return attempt === undefined || (await this.members.isEmpty(attempt));
  }

  async isReleased(key: AttemptKey): Promise<boolean> {
    const attempt = this.attempts.get(idOf(key));
    if (attempt === undefined) return true;
    if (attempt.wasBound && attempt.holdsPort && this.parts.ports.read(20).listening.has(attempt.port))
      return false;
    return attempt.gpuPids.size === 0 || !(await this.gpuMemory.isHeldBy(attempt.gpuPids));
  }

  async release(key: AttemptKey): Promise<void> {
    const attempt = this.attempts.get(idOf(key));
    if (attempt === undefined) return;
    this.rounds.delete(attempt);
    this.ends.unfollow(attempt);
    if (attempt.holdsPort) {
      attempt.holdsPort = false;
      // A connection that lingers tells of a listener that came and went between two looks.
      this.parts.pool.giveBack(
        attempt.port,
        attempt.wasBound || this.parts.ports.read(LINGER_AGE_MS).any.has(attempt.port),
      );
    }
    if (attempt.cgroup !== null && !removeCgroup(attempt.cgroup)) {
      this.parts.logger.warn(
        { attempt: attempt.id },
        'the cgroup cannot be removed yet; the next start will',
      );
    }
  }

  async remove(key: AttemptKey): Promise<void> {
    const attempt = this.attempts.get(idOf(key));
    if (attempt !== undefined && isShimAlive(attempt)) throw new Error(`${attempt.id} still runs`);
    await this.release(key);
    await attempt?.log.settled();
    this.attempts.delete(idOf(key));
    this.troubled.delete(idOf(key));
    const doomed = doomFolder(this.folder(key));
    if (doomed !== null) await this.removals.add(doomed, doomed);
  }

  async logExtent(key: AttemptKey): Promise<{ available: number; size: number }> {
    const attempt = this.attempts.get(idOf(key));
    const folder = this.folder(key);
    const extent = logExtent(folder, attempt?.order.logCapBytes ?? Number.MAX_SAFE_INTEGER);
    if (extent.size === 0 && isOddLog(folder))
      this.trouble(idOf(key), folder, 'its log is not a regular file');
    return extent;
  }

  /** @throws {RangeError} when the bytes were trimmed before they could be read: ask for the extent again. */
  async readLog(key: AttemptKey, offset: number, limit: number): Promise<Uint8Array> {
    const bytes = await readLog(this.folder(key), offset, limit);
    const trimmedTo = this.attempts.get(idOf(key))?.log.trimmedTo ?? 0;
    if (offset < trimmedTo) throw new RangeError(`the log begins at ${trimmedTo}; ${offset} is gone`);
    return bytes;
  }

  watchLog(key: AttemptKey, listener: () => void): { close(): void } {
    const folder = this.folder(key);
    return watchLog(folder, () => {
      try {
        listener();
      } catch (error) {
        this.trouble(idOf(key), folder, error);
      }
    });
  }

  /** Lets go of everything and ends nothing: the instances go on, and the next machine on this folder finds them. */
  async close(): Promise<void> {
    this.ends.close();
    this.rounds.close();
    this.parts.shims.close();
    this.parts.pool.close();
    for (const attempt of this.attempts.values()) this.ends.unfollow(attempt);
    removeSetup(this.parts.cgroups);
    await this.removals.settled();
  }

  private folder(key: AttemptKey): string {
    return folderOf(this.parts.stateDir, key.instance, key.attempt);
  }

  private trouble(id: string, folder: string, error: unknown): void {
    if (this.troubled.has(id)) return;
    this.troubled.add(id);
    this.parts.logger.error(
      { attempt: id, folder, why: String(error) },
      'something is wrong with an attempt',
    );
  }

  private sample(attempt: Attempt): void {
    continueShim(attempt);
    if (!attempt.isChild) this.ends.look(attempt);
    this.noteGpuPids(attempt);
  }

  private noteGpuPids(attempt: Attempt): void {
    if (attempt.order.gpuIndices.length > 0)
      for (const pid of this.members.seen(attempt)) attempt.gpuPids.add(pid);
  }
}

/** A shim that was stopped (a command may signal its own group) would never tell the end. */
function continueShim({ shim, ofThisBoot }: Attempt): void {
  const now = shim !== null && ofThisBoot ? readStat(shim.pid) : null;
  if (now?.state !== 'T' || (shim?.startTicks !== null && now.startTicks !== shim?.startTicks)) return;
  sendSignal(now.pid, 'SIGCONT');
}

function startedOf(attempt: Attempt): Started {
  if (attempt.shim === null) throw new LaunchError('START_FAILED', 'the shim could not begin');
  return { pid: attempt.shim.pid, port: attempt.port, startedAtMs: attempt.shim.startedAtMs };
}
