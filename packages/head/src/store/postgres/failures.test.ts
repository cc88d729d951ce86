import { expect, it } from 'vitest';
import { parseAddress } from './address.ts';
import { isLost, toPostgresError } from './failures.ts';

const server = (code: string) => Object.assign(new Error('text of the server'), { code });

it.each([
  ['disk_full', server('53100'), 'full', false],
  ['too_many_connections', server('53300'), 'busy', false],
  ['admin_shutdown', server('57P01'), 'busy', true],
  ['crash_shutdown', server('57P02'), 'busy', true],
  ['cannot_connect_now', server('57P03'), 'busy', true],
  ['query_canceled', server('57014'), 'busy', false],
  ['lock_not_available', server('55P03'), 'busy', false],
  ['serialization_failure', server('40001'), 'busy', false],
  ['deadlock_detected', server('40P01'), 'busy', false],
  ['a standby', server('25006'), 'busy', false],
  ['connection_failure', server('08006'), 'busy', true],
  ['refused', server('ECONNREFUSED'), 'busy', true],
  [
    'refused on both families',
    Object.assign(new AggregateError([server('ECONNREFUSED')], ''), { code: 'ECONNREFUSED' }),
    'busy',
    true,
  ],
  ['ended by the peer', new Error('Connection terminated unexpectedly'), 'busy', true],
  ['no answer in time', new Error('Query read timeout'), 'busy', true],
  ['a damaged page', server('XX001'), 'fatal', false],
  ['a damaged index', server('XX002'), 'fatal', false],
  ['an I/O error', server('58030'), 'fatal', false],
  ['a unique key', server('23505'), 'fatal', false],
  ['a missing table', server('42P01'), 'fatal', false],
  ['any other error', new Error('x'), 'fatal', false],
] as const)('takes %s as it should', (_, error, failure, lost) => {
  expect(toPostgresError(error, 'db:5432/x').failure).toBe(failure);
  expect(isLost(error)).toBe(lost);
});

it.each([
  ['postgres://u:geheim@db.example:6000/drover', 'db.example:6000/drover (schema drover)'],
  ['postgresql://u@db/x?schema=herd_2&sslmode=verify-full', 'db:5432/x (schema herd_2)'],
  ['postgres:///x?host=/run/postgresql', '/run/postgresql:5432/x (schema drover)'],
])('reads the address %s', (text, label) => {
  const address = parseAddress(text);
  expect(address.label).toBe(label);
  expect(address.connectionString).not.toContain('schema=');
});

it.each([
  ['postgres://u:p%zz@h:99999/x', /no URL/],
  ['mysql://h/x', /expected postgres/],
  ['postgres://h/x?schema=A;DROP', /schema=A;DROP: expected/],
  ['postgres://h/x?schema=pg_catalog', /schema=pg_catalog: expected/],
])('refuses the address %s', (text, message) => expect(() => parseAddress(text)).toThrow(message));
