import { expect, it } from 'vitest';
import type { EventRow } from '../state/rows.ts';
import { EventRings } from './rings.ts';

const eventOf = (seq: number, noun: string, type = 'submit', byAdmin = true) =>
  ({ seq, noun, type, byAdmin }) as EventRow;

it('what many events push out is only what they are of: admins and refusals have rings of their own', () => {
  const rings = new EventRings();
  rings.load('7 3');
  const kept = new Set<string>();
  const add = (event: EventRow): void => {
    const { id, drop } = rings.add(event);
    kept.add(id);
    if (drop !== null) kept.delete(drop);
  };
  add(eventOf(1, 'users', 'create'));
  add(eventOf(2, 'calls', 'deny', false));
  // A viewer's own tokens, made and revoked over and over, are not what admins do.
  for (let seq = 3; seq < 260_000; seq += 1)
    add(seq % 2 === 0 ? eventOf(seq, 'instances') : eventOf(seq, 'tokens', 'create', false));
  expect([kept.has('herd8'), kept.has('denied4'), kept.size]).toEqual([true, true, 200_002]);
  for (let seq = 260_000; seq < 360_001; seq += 1) add(eventOf(seq, 'tokens', 'create'));
  expect(kept.has('herd8')).toBe(false);
  expect(rings.text).toBe('100009 4');
});
