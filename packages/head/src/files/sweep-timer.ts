/** Files that nobody needs any more go, from time to time. */
import type { Logger } from '@drover/engine';
import type { FileStore } from './file-store.ts';

const EVERY_MS = 3_600_000;

/** @param isNeeded whether a tree is still to be laid out somewhere @returns the way to stop */
export function startSweep(
  files: Pick<FileStore, 'sweep'>,
  isNeeded: (tree: string) => boolean,
  log: Logger,
): { stop(): void } {
  const timer = setInterval(() => {
    files.sweep(isNeeded).then(
      (gone) => log.info({ ...gone }, 'files that nobody needs were removed'),
      (err: unknown) => log.error({ err }, 'files could not be swept'),
    );
  }, EVERY_MS);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}
