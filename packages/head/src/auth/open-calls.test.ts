import { DroverError, type Role } from '@drover/core';
import { workerActor } from '@drover/engine';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Access } from './guard.ts';
import { type JudgedState, OpenCalls } from './open-calls.ts';

let tell: (changes: readonly object[]) => void;
let identity: { status: string } | undefined;
let judged = 0;
/** What the guard says now; null: it lets nobody in. */
let role: Role | null;
let calls: OpenCalls;
/** Refuses whoever may change nothing anywhere. */
const somewhere = (_: unknown, needed: Role) => {
  if (role !== needed) throw new DroverError('FORBIDDEN');
};
const who = { kind: 'person' as const, name: 'ana', project: 'lab' };

beforeEach(() => {
  vi.useFakeTimers();
  role = 'user';
  judged = 0;
  identity = { status: 'VALID' };
  const state = {
    subscribe(listener: (published: object) => void) {
      tell = (changes) => listener({ changes });
    },
    tables: { identities: { get: () => identity } },
  };
  const known = () => {
    judged += 1;
    if (role === null) throw new DroverError('UNAUTHENTICATED');
    return { actor: { ...who, role }, bearer: null, key: '' };
  };
  const guard = { identify: known, admit: known, within: () => known().actor, somewhere };
  calls = new OpenCalls(state as unknown as JudgedState, guard as never);
});
afterEach(() => {
  vi.useRealTimers();
});

/** A call of the token t1 of the user u1, in the project lab. */
function open(expiresMs: number | null = null, actor: object = { ...who, role: 'user' }) {
  const seen = { sent: null as unknown, cut: false, begun: false, over: () => undefined as unknown };
  const raw = {
    get headersSent() {
      return seen.begun;
    },
    once: (_: string, fn: () => void) => {
      seen.over = fn;
    },
    destroy() {
      seen.cut = true;
    },
  };
  const reply = {
    raw,
    header: () => reply,
    send(error: unknown) {
      seen.sent = error;
    },
  };
  const request = { raw: {}, id: 'r' };
  const bearer = { user: { id: 'u1' }, token: { id: 't1', expiresMs } };
  calls.add(request as never, reply as never, 'viewer' satisfies Access, {
    actor,
    bearer,
    key: '',
  } as never);
  return Object.assign(seen, { request: request as never });
}
const change = (collection: string, id: string, name = id): void => {
  tell([{ collection, id, before: { id, name }, after: undefined }]);
  vi.runOnlyPendingTimers();
};

it.each([
  ['its token', 'tokens', 't1'],
  ['its user', 'users', 'u1'],
  ['its project', 'projects', 'lab'],
])('a call is judged again when %s has changed, and not for another', (_, collection, id) => {
  const call = open();
  change(collection, 'another');
  change('instances', id);
  expect(judged).toBe(0);
  change(collection, id);
  expect([judged > 0, call.sent, call.cut]).toEqual([true, null, false]);
  role = null;
  change(collection, id);
  expect([call.sent, call.cut]).toEqual([expect.objectContaining({ code: 'UNAUTHENTICATED' }), false]);
});

it('what was begun is cut, and so is what goes on with a role that its caller has no more', () => {
  const [begun, quiet] = [open(), open()];
  begun.begun = true;
  role = 'viewer';
  change('users', 'u1');
  expect([begun.cut, begun.sent, quiet.cut, quiet.sent]).toEqual([true, null, true, null]);
});

it('a call that is over is not judged', () => {
  open().over();
  change('users', 'u1');
  expect(judged).toBe(0);
});

it('ends when its token does, a day later as well as in a second', () => {
  const day = 24 * 3_600_000;
  const [soon, late] = [open(Date.now() + 1_000), open(Date.now() + day)];
  role = null;
  vi.advanceTimersByTime(999);
  expect([soon.sent, late.sent]).toEqual([null, null]);
  vi.advanceTimersByTime(1);
  expect([soon.sent, late.sent]).toEqual([expect.any(DroverError), null]);
  soon.over();
  vi.advanceTimersByTime(day - 1_001);
  expect(late.sent).toBeNull();
  vi.advanceTimersByTime(1);
  expect(late.sent).toBeInstanceOf(DroverError);
  late.over();
  vi.runOnlyPendingTimers();
  expect(vi.getTimerCount()).toBe(0);
});

it('a call that belongs to no project is judged with each, by what it may in any', () => {
  const call = open();
  calls.reachedSome(call.request, 'user');
  change('projects', 'another');
  expect([judged > 0, call.sent, call.cut]).toEqual([true, null, false]);
  role = 'viewer';
  change('projects', 'another');
  expect(call.sent).toMatchObject({ code: 'FORBIDDEN' });
});

it("a worker's stream goes on with a secret that was renewed, and is cut when its identity is void", () => {
  const stream = open(null, workerActor('w1'));
  role = null;
  change('identities', 'w1');
  expect(stream.cut).toBe(false);
  identity = { status: 'REVOKED' };
  change('identities', 'w2');
  expect(stream.cut).toBe(false);
  change('identities', 'w1');
  expect(stream.cut).toBe(true);
});
