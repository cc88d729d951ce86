/** Removes the folders of attempts in the background, a few at a time: what begins or ends goes first. */
import { removeAttemptFolder } from './folder.ts';

const AT_ONCE = 2;

export class Removals {
  private readonly under = new Map<string, Promise<void>>();
  private readonly waiting: (() => void)[] = [];
  private free = AT_ONCE;

  /** Resolves when the folder is gone. */
  add(id: string, folder: string): Promise<void> {
    const removal = this.remove(folder).finally(() => this.under.delete(id));
    this.under.set(id, removal);
    return removal;
  }

  has(id: string): boolean {
    return this.under.has(id);
  }

  /** Resolves when no removal of this attempt is under way. */
  async of(id: string): Promise<void> {
    await this.under.get(id)?.catch(() => undefined);
  }

  async settled(): Promise<void> {
    await Promise.allSettled(this.under.values());
  }

  private async remove(folder: string): Promise<void> {
    if (this.free === 0) await new Promise<void>((resolve) => this.waiting.push(resolve));
    else this.free -= 1;
    try {
      await removeAttemptFolder(folder);
    } finally {
      const next = this.waiting.shift();
      if (next === undefined) this.free += 1;
      else next();
    }
  }
}
