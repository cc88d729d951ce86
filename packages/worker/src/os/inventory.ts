/** What lies in the state folder, taken up: attempts that run, those that ended, and remnants, which are swept away. */
import type { FoundAttempt, Started } from '../agent/ports.ts';
import { type Attempt, isShimAlive } from './attempt.ts';
import { removeOrphans } from './cgroups.ts';
import type { Ends } from './ends.ts';
import { isAttempt, isWithdrawn, listDoomed, listFolders, readStop } from './folder.ts';
import { lost, observeEnd, rebuild, recall, recallShim, recordOrAside } from './found.ts';
import type { LauncherParts } from './launcher.ts';
import type { Members } from './members.ts';
import { markFor } from './process.ts';
import type { Removals } from './removals.ts';
import type { Rounds } from './rounds.ts';

export interface InventoryParts extends LauncherParts {
  readonly attempts: Map<string, Attempt>;
  readonly launching: ReadonlyMap<string, Promise<Started>>;
  readonly members: Members;
  readonly removals: Removals;
  readonly rounds: Rounds;
  readonly ends: Ends;
  /** Says once that something is wrong with an attempt. */
  readonly trouble: (id: string, folder: string, error: unknown) => void;
}

export class Inventory {
  private readonly parts: InventoryParts;

  constructor(parts: InventoryParts) {
    this.parts = parts;
  }

  /** Every attempt that left a trace; those that run are watched from here on. */
  async take(): Promise<FoundAttempt[]> {
    const { stateDir, logger, cgroups, attempts, launching, removals } = this.parts;
    const found: FoundAttempt[] = [];
    for (const { instance, attempt: number, folder } of listFolders(stateDir)) {
      const id = markFor(instance, number);
      if (launching.has(id) || removals.has(id)) continue;
      try {
        const attempt = attempts.get(id) ?? (await this.recalled(id, folder, instance, number));
        if (attempt === null) {
          this.sweep(id, folder);
          continue;
        }
        attempts.set(id, attempt);
        found.push(
          await this.classify(attempt).catch((error: unknown) => this.classifyAnyway(attempt, error)),
        );
      } catch (error) {
        logger.error({ attempt: id, folder, why: String(error) }, 'an attempt could not be taken up');
      }
    }
    for (const folder of listDoomed(stateDir)) if (!removals.has(folder)) this.sweep(folder, folder);
    removeOrphans(cgroups, (name) => attempts.has(name) || launching.has(name));
    return found;
  }

  /** Null for what a start or a removal left half done: nothing was recorded, and nothing has begun. */
  private async recalled(
    id: string,
    folder: string,
    instance: string,
    attempt: number,
  ): Promise<Attempt | null> {
    const { stateDir, logger, cgroups } = this.parts;
    const record = recordOrAside(stateDir, folder, id, logger);
    if (record !== null) {
      const attempt = await recall(folder, record);
      return attempt.shim === null && isWithdrawn(folder) ? null : attempt;
    }
    if (!isAttempt(instance, attempt)) return null;
    const rebuilt = await rebuild(folder, { instance, attempt }, cgroups);
    if (rebuilt !== null) logger.warn({ attempt: id, folder }, 'an attempt without a record was rebuilt');
    return rebuilt;
  }

  /** Classifies an attempt that was found, and watches it if it runs. */
  private async classify(attempt: Attempt): Promise<FoundAttempt> {
    const begun = attempt.shim !== null || attempt.isRebuilt || (await recallShim(attempt)) !== 'nobody';
    attempt.end ??= begun ? observeEnd(attempt, this.parts.clock.wallMs()) : null;
    const state = attempt.end !== null ? 'ended' : begun ? 'running' : 'preparing';
    if (!attempt.holdsPort && (state !== 'ended' || !(await this.parts.members.isEmpty(attempt)))) {
      attempt.holdsPort = true;
      await this.parts.pool.adopt(attempt.port);
    }
    if (state === 'running') {
      this.parts.rounds.add(attempt);
      if (!attempt.isChild) this.parts.ends.follow(attempt);
    }
    return this.finding(attempt, state);
  }

  /** For one at which something failed: at least whether it lives. */
  private classifyAnyway(attempt: Attempt, error: unknown): FoundAttempt {
    this.parts.trouble(attempt.id, attempt.folder, error);
    if (isShimAlive(attempt)) {
      this.parts.rounds.add(attempt);
      return this.finding(attempt, 'running');
    }
    attempt.end ??= lost(attempt, this.parts.clock.wallMs());
    return this.finding(attempt, 'ended');
  }

  private sweep(id: string, folder: string): void {
    this.parts.removals
      .add(id, folder)
      .catch((error: unknown) =>
        this.parts.logger.warn({ attempt: id, why: String(error) }, 'could not remove a remnant'),
      );
  }

  private finding(attempt: Attempt, state: FoundAttempt['state']): FoundAttempt {
    return {
      ...attempt.key,
      order: attempt.order,
      port: attempt.port === 0 ? null : attempt.port,
      pid: attempt.shim?.pid ?? null,
      startedAtMs: attempt.shim?.startedAtMs ?? null,
      state,
      exit: attempt.end,
      stop: readStop(attempt.folder),
    };
  }
}
