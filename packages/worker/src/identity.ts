/**
 * The worker's identity on disk: made once from a join token, used for ever after. With it the head's herd and the
 * highest epoch that was seen.
 */
import { randomUUID } from 'node:crypto';
import { renameSync, statSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isLoopback, isUuid } from '@drover/core';
import type { ErrorBody, JoinReply } from '@drover/core/wire';
import type { Memory } from './agent/index.ts';
import { type HeadAddress, isMistrust, whyFailed } from './link/head-address.ts';
import { postJson } from './link/post-json.ts';
import { writeAtomic } from './os/index.ts';

/** One that was renewed, and when it came, Unix ms. */
export interface EarlierSecret {
  readonly token: string;
  readonly obtainedMs: number;
}

export interface Identity {
  readonly workerId: string;
  readonly token: string;
  readonly herd: string;
  /** The one authority that this worker trusts, see `parseCa`; none: it was told none. */
  readonly ca?: string | null;
  /** The secrets before this one, newest first: a head that was restored from an older copy knows only one of them. */
  readonly earlier?: readonly EarlierSecret[];
  /** The one before, as it was written when no more were kept. */
  readonly previous?: string;
  /** When this one came, Unix ms; how long it is good, and when the next one is asked for, in seconds since. */
  readonly obtainedMs?: number;
  readonly ttlS?: number;
  readonly renewAfterS?: number;
}

/** No secret is good for longer, see `IDENTITY_TTL_MS` of the head. */
const EARLIER_MS = 30 * 24 * 3_600_000;
/** One is made each day. */
const MOST_EARLIER = 40;

/** Newest first. */
export function earlierOf({ earlier, previous, obtainedMs = 0 }: Identity): readonly EarlierSecret[] {
  if (earlier !== undefined) return earlier;
  return previous === undefined ? [] : [{ token: previous, obtainedMs }];
}

/** The same with its secret among the earlier ones, for a new one. The last is kept whatever the clock says. */
export function withEarlier(identity: Identity, nowMs: number): Identity {
  const { previous: _, ...rest } = identity;
  const recent = earlierOf(identity).filter((each) => nowMs - each.obtainedMs < EARLIER_MS);
  const last = { token: identity.token, obtainedMs: identity.obtainedMs ?? nowMs };
  return { ...rest, earlier: [last, ...recent].slice(0, MOST_EARLIER) };
}

/** A join that cannot succeed by trying again. */
export class JoinRefused extends Error {}

/** What answers is not the head, as far as its certificate goes. */
export class HeadUntrusted extends JoinRefused {}

async function readJson<T>(path: string): Promise<T | null> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as T;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new Error(`${path} cannot be read: ${(error as Error).message}. Move it away to join anew`, {
      cause: error,
    });
  }
}

/** @throws {Error} with what to run, when others can read it */
export async function readIdentity(stateDir: string): Promise<Identity | null> {
  const path = join(stateDir, 'identity.json');
  const mode = (statSync(path, { throwIfNoEntry: false })?.mode ?? 0) & 0o777;
  if ((mode & 0o077) !== 0)
    throw new Error(
      `${path} holds the secret of this worker and is open to others (mode ${mode.toString(8).padStart(4, '0')}). Run: chmod 600 ${path}`,
    );
  return await readJson<Identity>(path);
}

/** Durable when it returns. */
export const writeIdentity = (stateDir: string, identity: Identity): void =>
  writeAtomic(join(stateDir, 'identity.json'), `${JSON.stringify(identity)}\n`);

/**
 * The head with the authority that this worker trusts: the one that it was told now, else the one of its identity. What
 * it is told now is kept from then on: who starts it can also write its folder.
 * @throws {HeadUntrusted} for plain HTTP over a network: it would trust whoever answers
 */
export function trustedHead(
  stateDir: string,
  identity: Identity | null,
  given: HeadAddress,
  onOther: () => void,
): HeadAddress {
  const known = identity?.ca ?? null;
  const ca = given.ca ?? known;
  if (ca !== null && given.url.startsWith('http:') && !isLoopback(new URL(given.url).hostname))
    throw new HeadUntrusted(
      `this worker trusts one authority only, and ${given.url} is plain HTTP, which shows none: say https://`,
    );
  if (identity !== null && given.url.startsWith('https:') && ca !== known) {
    if (known !== null) onOther();
    writeIdentity(stateDir, { ...identity, ca });
  }
  return { url: given.url, ca };
}

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;

/** @param onDamage called with the place to which a damaged file was moved */
export async function readMemory(
  stateDir: string,
  identity: Identity,
  onDamage: (movedTo: string) => void,
): Promise<Memory> {
  const path = join(stateDir, 'head.json');
  const nothing = { herd: identity.herd, epoch: 0, rev: 0 };
  let read: Partial<Memory> | null = null;
  try {
    read = await readJson<Partial<Memory>>(path);
    const { herd = null, epoch = 0, rev = 0 } = read ?? {};
    if (isCount(epoch) && isCount(rev) && (herd === null || isUuid(herd)))
      return { herd: herd ?? identity.herd, epoch, rev };
  } catch {
    // Set aside below: what it told is learned anew from the head, and a damaged file stops no start.
  }
  const aside = `${path}.damaged-${Date.now()}`;
  renameSync(path, aside);
  onDamage(aside);
  return nothing;
}

export const writeMemory = (stateDir: string, memory: Memory): void =>
  writeAtomic(join(stateDir, 'head.json'), `${JSON.stringify(memory)}\n`);

/** The last contact with a head, see `AgentPorts.noteContact`. Lost with the machine, so never synced. */
export function noteContact(stateDir: string, boot: string, monoMs: number): void {
  const path = join(stateDir, 'contact');
  try {
    writeFileSync(`${path}.new`, `${boot} ${monoMs} end\n`);
    renameSync(`${path}.new`, path);
  } catch {
    // A full disk: an older contact stays, and what asks to be stopped is stopped earlier rather than later.
  }
}

/** @returns null when there is none of this boot of the machine */
export async function readContact(stateDir: string, boot: string): Promise<number | null> {
  const text = await readFile(join(stateDir, 'contact'), 'utf8').catch(() => '');
  const [of, at, end] = text.trim().split(' ');
  return of === boot && end === 'end' && Number.isFinite(Number(at)) ? Number(at) : null;
}

/**
 * Exchanges the join token. The id is written down before the call, so that a call whose answer is lost can be made
 * again. Unreachable heads are tried until `signal` ends it. @throws {JoinRefused}
 */
export async function joinHerd(options: {
  readonly stateDir: string;
  readonly head: HeadAddress;
  readonly joinToken: string;
  readonly name: string | null;
  /** One that has expired: this worker joins again as itself. */
  readonly expired: Identity | null;
  readonly onRetry: (why: string) => void;
}): Promise<Identity> {
  const pendingPath = join(options.stateDir, 'joining.json');
  let pending = options.expired ?? (await readJson<{ workerId: string }>(pendingPath));
  if (!pending) {
    pending = { workerId: randomUUID() };
    writeAtomic(pendingPath, `${JSON.stringify(pending)}\n`);
  }
  for (let delayMs = 100; ; delayMs = Math.min(delayMs * 2, 5_000)) {
    try {
      const { status, text } = await postJson(options.head, '/v1/join', options.joinToken, {
        workerId: pending.workerId,
        name: options.name,
        identity: options.expired?.token ?? null,
      });
      if (status >= 200 && status < 300) {
        const reply = JSON.parse(text) as JoinReply;
        const now = Date.now();
        const { expired } = options;
        const identity: Identity = {
          ...(expired?.workerId === reply.workerId && { earlier: withEarlier(expired, now).earlier ?? [] }),
          ...reply,
          ca: options.head.ca,
          obtainedMs: now,
        };
        writeIdentity(options.stateDir, identity);
        return identity;
      }
      if (status < 500 && status !== 429) throw new JoinRefused(messageOf(text, status));
      options.onRetry(messageOf(text, status));
    } catch (error) {
      if (error instanceof JoinRefused) throw error;
      if (isMistrust(error)) throw untrusted(options.head, error as Error);
      options.onRetry(whyFailed(error as Error));
    }
    await new Promise((resolve) => setTimeout(resolve, delayMs));
  }
}

const untrusted = ({ url }: HeadAddress, cause: Error): HeadUntrusted =>
  new HeadUntrusted(`the head at ${url} cannot be verified: ${whyFailed(cause)}`, { cause });

function messageOf(text: string, status: number): string {
  try {
    return (JSON.parse(text) as ErrorBody).error.message;
  } catch {
    return `the head answered ${status}`;
  }
}
