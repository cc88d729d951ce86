import type { Actor } from '@drover/engine';
import { expect, it } from 'vitest';
import { Calls } from './calls.ts';

const ana: Actor = { kind: 'person', name: 'ana', project: 'lab' };
const start = (calls: Calls, onlyFor?: string) =>
  calls.start({ verb: 'status', actor: ana, cluster: null, ...(onlyFor && { onlyFor }) }, async () => ({
    value: [],
  }));
const reader = (asker: string, ...projects: string[]) => ({ asker, projects: new Set(projects) });

it('a call is for whoever may look into its project', () => {
  const calls = new Calls();
  const { id } = start(calls);
  for (const ref of [id, id.slice(0, 8)]) {
    expect(calls.find(reader('t2', 'default', 'lab'), ref)?.id).toBe(id);
    expect(calls.find(reader('t1', 'default'), ref)).toBeUndefined();
  }
  expect(calls.list(reader('t2', 'lab')).map((call) => call.id)).toEqual([id]);
  expect(calls.list(reader('t1', 'default'))).toEqual([]);
});

it('one whose answer depends on who asks is for nobody else, and only while that one may look there', () => {
  const calls = new Calls();
  const { id } = start(calls, 't1');
  for (const ref of [id, id.slice(0, 8)]) {
    expect(calls.find(reader('t1', 'lab'), ref)?.id).toBe(id);
    expect(calls.find(reader('t2', 'lab'), ref)).toBeUndefined();
    expect(calls.find(reader('t1', 'default'), ref)).toBeUndefined();
  }
  expect(calls.list(reader('t2', 'lab'))).toEqual([]);
});

it('has ended when its work has, with what that came to', async () => {
  const calls = new Calls();
  expect(await start(calls).ended).toEqual({ value: '[]' });
  const failed = calls.start({ verb: 'x', actor: ana, cluster: null }, () => Promise.reject(new Error('no')));
  expect(await failed.ended).toMatchObject({ error: { code: 'INTERNAL' } });
});
