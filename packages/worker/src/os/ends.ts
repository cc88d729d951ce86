/** Learns of the end of each attempt and tells it once. */
import { watch } from 'node:fs';
import type { AttemptKey, Logger } from '../agent/ports.ts';
import type { Attempt, End } from './attempt.ts';
import { EXIT_FILE } from './folder.ts';
import { observeEnd, recallShim } from './found.ts';
import { readStat } from './process.ts';
import { SHIM_REFUSED } from './start.ts';

/** How long an orphan may take to write its name. */
const NAMING_MS = 10_000;

type Listener = (key: AttemptKey, end: End) => void;

export class Ends {
  private readonly listeners: Listener[] = [];
  private readonly wallMs: () => number;
  private readonly logger: Logger;
  private readonly troubled = new WeakSet<Attempt>();
  private closed = false;

  constructor(wallMs: () => number, logger: Logger) {
    this.wallMs = wallMs;
    this.logger = logger;
  }

  onEnd(listener: Listener): void {
    this.listeners.push(listener);
  }

  /** From here on nothing is told. */
  close(): void {
    this.closed = true;
  }

  /** For a shim that is no child of ours. The rounds call `look` as well, should the watch miss it. */
  follow(attempt: Attempt): void {
    if (attempt.unwatch !== null || attempt.end !== null || this.closed) return;
    attempt.unwatch = () => {};
    try {
      const watcher = watch(attempt.folder, { persistent: false }, (_, name) => {
        // The log grows in the same folder.
        if (name === null || name === EXIT_FILE) this.look(attempt);
      });
      watcher.on('error', () => watcher.close());
      attempt.unwatch = () => watcher.close();
    } catch (error) {
      const why = String(error);
      this.logger.warn({ attempt: attempt.id, why }, 'no file watch: its end is looked for each second');
    }
    setImmediate(() => this.look(attempt));
  }

  unfollow(attempt: Attempt): void {
    attempt.unwatch?.();
    attempt.unwatch = null;
  }

  /** The command has ended, and its shim stays for descendants that live on. */
  exitWritten(attempt: Attempt): void {
    this.take(attempt);
  }

  /** Nobody tells of its shim any more, which was started by a process that has ended. */
  orphaned(attempt: Attempt): void {
    this.identify(attempt)
      .then(() => {
        attempt.isChild = false;
        this.follow(attempt);
      })
      .catch((error: unknown) => this.failed(attempt, error));
  }

  /** It may have been forked a moment ago, and not have written its name yet. */
  private async identify(attempt: Attempt): Promise<void> {
    const pid = attempt.shim?.pid ?? 0;
    const deadline = performance.now() + NAMING_MS;
    while ((await recallShim(attempt)) !== 'shim' && performance.now() < deadline) {
      const stat = readStat(pid);
      if (stat === null || stat.state === 'Z') break;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** For a shim that is a child of ours. */
  childEnded(attempt: Attempt, status: number | null): void {
    attempt.isChild = false;
    if (status !== SHIM_REFUSED) {
      this.look(attempt);
      return;
    }
    // It found the attempt taken, or could not write. Whoever else began it is followed.
    attempt.shim = null;
    recallShim(attempt)
      .then((by) => (by === 'shim' ? this.follow(attempt) : this.look(attempt)))
      .catch((error: unknown) => this.failed(attempt, error));
  }

  /** Tells the end if there is one. Of a child that is told by whoever started it, and not looked for. */
  look(attempt: Attempt): void {
    if (!attempt.isChild) this.take(attempt);
  }

  /** Never throws: it is called by timers and watchers. */
  private take(attempt: Attempt): void {
    if (this.closed || attempt.end !== null) return;
    try {
      const end = observeEnd(attempt, this.wallMs());
      if (end === null) return;
      attempt.end = end;
      this.unfollow(attempt);
      for (const listener of this.listeners) this.tell(listener, attempt, end);
    } catch (error) {
      this.failed(attempt, error);
    }
  }

  private tell(listener: Listener, attempt: Attempt, end: End): void {
    try {
      listener(attempt.key, end);
    } catch (error) {
      this.failed(attempt, error);
    }
  }

  /** Says it once: it is looked at again each second. */
  private failed(attempt: Attempt, error: unknown): void {
    if (this.troubled.has(attempt)) return;
    this.troubled.add(attempt);
    const { id, folder } = attempt;
    this.logger.error(
      { attempt: id, folder, why: String(error) },
      'the end of an attempt could not be taken',
    );
  }
}
