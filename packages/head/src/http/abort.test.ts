import { EventEmitter } from 'node:events';
import { expect, it } from 'vitest';
import { abortsOf } from './abort.ts';

const fakeRaw = () => Object.assign(new EventEmitter(), { destroyed: false });

it('is one for a reply, with one listener, whoever waits how often', () => {
  const stopping = new Set<() => void>();
  const abortOf = abortsOf(stopping);
  const raw = fakeRaw();
  const reply = { raw: raw as never };
  let calls = 0;
  for (let at = 0; at < 50; at++) abortOf(reply).onAbort(() => calls++);
  expect([raw.listenerCount('close'), stopping.size]).toEqual([1, 1]);
  raw.emit('close');
  raw.emit('close');
  expect([calls, abortOf(reply).aborted, raw.listenerCount('close'), stopping.size]).toEqual([
    50,
    true,
    0,
    0,
  ]);
});

it('calls back at once when it is over already, and keeps nothing', () => {
  const stopping = new Set<() => void>();
  const abortOf = abortsOf(stopping);
  const closed = fakeRaw();
  const before = abortOf({ raw: closed as never });
  closed.emit('close');
  const gone = Object.assign(fakeRaw(), { destroyed: true });
  let calls = 0;
  before.onAbort(() => calls++);
  abortOf({ raw: gone as never }).onAbort(() => calls++);
  expect([calls, stopping.size, gone.listenerCount('close')]).toEqual([2, 0, 0]);
});

it('does not call who has unsubscribed', () => {
  const raw = fakeRaw();
  const abort = abortsOf(new Set())({ raw: raw as never });
  const called: string[] = [];
  const off = abort.onAbort(() => called.push('first'));
  abort.onAbort(() => called.push('second'));
  off();
  off();
  raw.emit('close');
  expect(called).toEqual(['second']);
});

it('comes when the head stops', () => {
  const stopping = new Set<() => void>();
  const abort = abortsOf(stopping)({ raw: fakeRaw() as never });
  let calls = 0;
  abort.onAbort(() => calls++);
  for (const stop of [...stopping]) stop();
  expect([calls, abort.aborted, stopping.size]).toEqual([1, true, 0]);
});
