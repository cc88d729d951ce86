import { DroverError, type ErrorCode, type InstanceStatus } from '@drover/client';
import { describe, expect, it } from 'vitest';
import { exitCodeOf, Failure, renderError, UsageError } from './errors.ts';
import { exitCodeOfInstance } from './instance/shown.ts';

describe('exit codes', () => {
  it.each<[ErrorCode, number]>([
    ['INVALID_REQUEST', 2],
    ['INSTANCE_NOT_FOUND', 3],
    ['WORKER_NOT_FOUND', 3],
    ['UNAUTHENTICATED', 4],
    ['FORBIDDEN', 4],
    ['HEAD_UNREACHABLE', 5],
    ['STORE_FULL', 5],
    ['NAME_TAKEN', 1],
    ['TIMEOUT', 1],
    ['PROTOCOL', 1],
    ['INTERNAL', 1],
  ])('%s is %d', (code, exit) => expect(exitCodeOf(new DroverError(code))).toBe(exit));

  it('of other errors', () => {
    expect(exitCodeOf(new UsageError('x'))).toBe(2);
    expect(exitCodeOf(new Failure('x'))).toBe(1);
    expect(exitCodeOf(new Failure('x', { exitCode: 3 }))).toBe(3);
    expect(exitCodeOf(new TypeError('x'))).toBe(1);
  });

  it.each<[InstanceStatus, number | null, string | null, number]>([
    ['COMPLETED', 0, null, 0],
    ['FAILED', 3, null, 3],
    ['FAILED', 137, 'SIGKILL', 137],
    ['CANCELLED', null, 'SIGTERM', 143],
    ['CANCELLED', null, null, 125],
    ['FAILED', null, null, 125],
  ])('of an instance: %s %s %s', (status, exitCode, signal, code) =>
    expect(exitCodeOfInstance({ status, exitCode, signal })).toBe(code),
  );
});

describe('errors', () => {
  it('are a line, perhaps with a hint, and never a stack', () => {
    expect(renderError(new UsageError('no\u001b[2J', 'do'), false)).toBe('drover: no [2J\nhint: do');
    const bad = new DroverError('INVALID_REQUEST', { field: 'cpu', rule: 'not negative', value: '-1' });
    expect(renderError(bad, false)).toBe('drover: cpu: not negative (not "-1")');
  });

  it('are an object with --json', () => {
    const error = new DroverError('INSTANCE_NOT_FOUND', { ref: 'x' });
    expect(JSON.parse(renderError(error, true))).toEqual({
      error: {
        code: 'INSTANCE_NOT_FOUND',
        message: 'no instance x',
        details: { ref: 'x' },
        hint: '"drover ps -a" shows all instances',
      },
    });
  });
});
