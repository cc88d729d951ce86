/** The homes of the nodes on this worker: `homes/<key>` in its state folder. One thing at a time happens to each. */

import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { StartOrder } from '@drover/core/wire';
import {
  type Homes,
  LaunchError,
  type Logger,
  OLD_WORKDIR,
  type Place,
  planPlaces,
  type StopSignal,
  WORKDIR,
} from '../agent/index.ts';
import { hasCode } from '../os/atomic.ts';
import { homeOf } from '../os/folder.ts';
import { ContentCache } from './content-cache.ts';
import { Fetcher } from './fetcher.ts';
import { Ground } from './ground.ts';
import type { HeadFiles } from './head-files.ts';
import { type LayoutParts, layOut } from './layout.ts';
import { HomeLinks } from './links.ts';
import { removeHomeFolder, sweepRemoved } from './remove-home.ts';

/** What the cache of contents may take of the disk. */
const CACHE_BYTES = 10 * 1024 * 1024 * 1024;

export interface HomesOptions {
  readonly stateDir: string;
  readonly bootId: string;
  readonly head: HeadFiles;
  readonly log: Logger;
  readonly cacheBytes?: number;
}

export function openHomes(options: HomesOptions): Homes {
  return new FolderHomes(options);
}

class FolderHomes implements Homes {
  readonly #stateDir: string;
  readonly #log: Logger;
  readonly #parts: LayoutParts;
  readonly #turns = new Map<string, Promise<void>>();

  constructor({ stateDir, bootId, head, log, cacheBytes = CACHE_BYTES }: HomesOptions) {
    this.#stateDir = stateDir;
    this.#log = log;
    mkdirSync(join(stateDir, 'homes'), { recursive: true, mode: 0o700 });
    const cache = new ContentCache(join(stateDir, 'files'), bootId, cacheBytes);
    this.#parts = { cache, fetcher: new Fetcher(head, cache, log), bootId };
    sweepRemoved(join(stateDir, 'homes')).catch((err: unknown) =>
      log.warn({ err }, 'what is left of a removed home cannot be removed'),
    );
  }

  prepare(order: StartOrder, stop: StopSignal): Promise<void> {
    return this.#inTurn(order.home ?? '', stop, () => this.#prepare(order, stop));
  }

  remove(home: string): Promise<void> {
    return this.#inTurn(home, null, async () => {
      const path = homeOf(this.#stateDir, home);
      try {
        await removeHomeFolder(path);
        this.#links(home, path).removeAll();
        rmSync(this.#records(home), { recursive: true, force: true });
      } catch (error) {
        if (error instanceof LaunchError) throw error;
        throw new LaunchError('HOME_NOT_REMOVED', `${path}: ${(error as Error).message}`);
      }
    });
  }

  async #prepare(order: StartOrder, stop: StopSignal): Promise<void> {
    const key = order.home ?? '';
    const places = planPlaces(order.files ?? []);
    const home = this.#make(key);
    mkdirSync(this.#records(key), { recursive: true, mode: 0o700 });
    // All that may be refused comes before the first byte is fetched.
    const links = this.#links(key, home);
    for (const place of places) this.#link(place, home, links);
    for (const place of places) {
      const begun = performance.now();
      const done = await layOut(this.#parts, place, home, this.#record(key, place), stop);
      const tookMs = Math.round(performance.now() - begun);
      this.#log.info({ home: key, target: place.target, ...done, tookMs }, 'files were laid out');
    }
    this.#linkWorkdir(home);
  }

  /** @returns its real path */
  #make(key: string): string {
    const path = homeOf(this.#stateDir, key);
    try {
      mkdirSync(path, { mode: 0o700 });
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error;
      if (!lstatSync(path).isDirectory())
        throw new LaunchError('START_FAILED', `${path} is no folder: remove it by hand`);
    }
    return realpathSync(path);
  }

  #link({ path, linkAt, target }: Place, home: string, links: HomeLinks): void {
    const above = new Ground(home, target).folder(dirname(path) === '.' ? '' : dirname(path));
    if (linkAt !== null) links.make(linkAt, join(above, path.slice(path.lastIndexOf('/') + 1)));
  }

  #linkWorkdir(home: string): void {
    if (!lstatSync(join(home, WORKDIR), { throwIfNoEntry: false })?.isDirectory()) return;
    try {
      symlinkSync(WORKDIR, join(home, OLD_WORKDIR));
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error;
    }
  }

  #links(key: string, home: string): HomeLinks {
    const real = lstatSync(home, { throwIfNoEntry: false })
      ? realpathSync(home)
      : join(realpathSync(dirname(home)), key);
    return new HomeLinks(real, this.#stateDir, join(this.#records(key), 'links.json'));
  }

  #records(key: string): string {
    return join(this.#stateDir, 'files', 'laid', key);
  }

  #record(key: string, { path }: Place): string {
    return join(this.#records(key), createHash('sha256').update(path).digest('hex').slice(0, 32));
  }

  /** After what is under way for this home. Whoever is stopped while it waits waits no longer. */
  async #inTurn(key: string, stop: StopSignal | null, work: () => Promise<void>): Promise<void> {
    const before = this.#turns.get(key) ?? Promise.resolve();
    const turn = before
      .catch(() => undefined)
      .then(async () => {
        if (stop?.isStopped) throw new Error('stopped');
        await work();
      });
    this.#turns.set(key, turn);
    const done = (): void => {
      if (this.#turns.get(key) === turn) this.#turns.delete(key);
    };
    turn.then(done, done);
    if (stop === null) return turn;
    await new Promise<void>((resolve, reject) => {
      const unfollow = stop.onStop(() => reject(new Error('stopped')));
      turn.then(resolve, reject).finally(unfollow);
    });
  }
}
