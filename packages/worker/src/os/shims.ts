/** Begins shims: the native one through the spawner, and directly when that has failed; shim.sh directly. */
import type { Logger } from '../agent/ports.ts';
import type { ShimChoice } from './shim-choice.ts';
import { type ShimEvents, Spawner, SpawnerLost } from './spawner.ts';
import { spawnShim } from './start.ts';

export interface StartedShim {
  readonly pid: number;
  /** Another may have begun the attempt before it. */
  readonly mayBeSecond: boolean;
}

export class Shims {
  private readonly choice: ShimChoice;
  private readonly spawner: Spawner | null;
  private readonly logger: Logger;

  constructor(choice: ShimChoice, logger: Logger) {
    this.choice = choice;
    this.logger = logger;
    this.spawner = choice.kind === 'native' ? new Spawner(choice.path) : null;
  }

  /** It keeps its own log under the cap. */
  get rotates(): boolean {
    return this.choice.kind === 'native';
  }

  /** @param words from DIR on. @throws {LaunchError} */
  async start(
    words: readonly string[],
    env: Record<string, string>,
    cwd: string,
    events: ShimEvents,
  ): Promise<StartedShim> {
    const { path } = this.choice;
    const direct = (program: readonly [string, ...string[]]) =>
      spawnShim(program, env, cwd, (status) => events.gone(status));
    if (this.spawner === null) return { pid: await direct(['/bin/sh', path, ...words]), mayBeSecond: false };
    try {
      return { pid: await this.spawner.start(words, env, cwd, events), mayBeSecond: false };
    } catch (error) {
      if (!(error instanceof SpawnerLost)) throw error;
      this.logger.warn({ why: error.message }, 'a shim is started without the spawner');
      return { pid: await direct([path, ...words]), mayBeSecond: true };
    }
  }

  /** Those that run go on. */
  close(): void {
    this.spawner?.close();
  }
}
