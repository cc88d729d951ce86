/** The engine's clock and source of chance, on the real machine. */
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import type { Clock, Random } from '@drover/engine';

/** Longer delays are cut into this: Node's timers overflow beyond 2^31 ms. */
const MOST_DELAY_MS = 2_000_000_000;

export const realClock: Clock = {
  wallMs: () => Date.now(),
  monoMs: () => performance.now(),
  after(delayMs, fn) {
    const timer = setTimeout(fn, Math.min(delayMs, MOST_DELAY_MS));
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
  defer(fn) {
    setImmediate(fn);
  },
};

export const realRandom: Random = {
  uuid: () => randomUUID(),
  token: (prefix) => `${prefix}${randomBytes(24).toString('base64url')}`,
  digest: (secret) => createHash('sha256').update(secret).digest('hex'),
  fromBase64: (text) => Buffer.from(text, 'base64'),
};
