import { DroverError } from '@drover/core';
import { describe, expect, it } from 'vitest';
import { errorDetail, skyErrorOf } from './errors.ts';
import { errorFactOf } from './facts.ts';
import { PyCall } from './pickle.ts';

const typeOf = (code: DroverError['code'], verb = 'launch'): string =>
  skyErrorOf(errorFactOf(new DroverError(code, { ref: 'c', rule: 'why' })), verb).type;

describe('an error of ours', () => {
  it('is of the class that the client documents', () => {
    expect(typeOf('CLUSTER_NOT_FOUND')).toBe('ClusterDoesNotExist');
    expect(typeOf('CLUSTER_NAME_INVALID')).toBe('InvalidClusterNameError');
    expect(typeOf('RESOURCES_MISMATCH')).toBe('ResourcesMismatchError');
    expect(typeOf('NO_INFRA')).toBe('NoCloudAccessError');
    expect(typeOf('NOT_SUPPORTED')).toBe('NotSupportedError');
    expect(typeOf('INVALID_TASK')).toBe('ValueError');
    expect(typeOf('STORE_FULL')).toBe('RuntimeError');
  });

  it('of a cluster that is not UP is a ValueError for exec alone', () => {
    expect(typeOf('CLUSTER_NOT_UP', 'exec')).toBe('ValueError');
    expect(typeOf('CLUSTER_NOT_UP', 'queue')).toBe('ClusterNotUpError');
  });

  it('about a task is a ValueError, and a NotSupportedError where a field is right and not there yet', () => {
    const told = (rule: string) =>
      skyErrorOf(errorFactOf(new DroverError('INVALID_TASK', { where: 't', field: 'f', rule })), 'validate')
        .type;
    expect(told('a number is expected')).toBe('ValueError');
    expect(told('volumes are not there yet')).toBe('NotSupportedError');
  });

  it('of a command is a CommandError, and a RuntimeError where a cluster ends', () => {
    const fact = errorFactOf(
      new DroverError('COMMAND_FAILED', { what: 'setup', exitCode: 7, rule: 'so', command: 'exit 7' }),
    );
    expect(skyErrorOf(fact, 'launch')).toMatchObject({
      type: 'CommandError',
      args: [],
      attributes: { returncode: 7, command: 'exit 7', detailed_reason: 'so' },
    });
    expect(skyErrorOf(fact, 'down').type).toBe('RuntimeError');
  });

  it('has one exception for each place that was tried', () => {
    const failoverHistory = [{ infra: 'pool/a', type: '4CPU-4GB', message: 'no room' }];
    const fact = errorFactOf(new DroverError('RESOURCES_UNAVAILABLE', { rule: 'full', failoverHistory }));
    expect(skyErrorOf(fact, 'launch').attributes).toEqual({
      no_failover: false,
      failover_history: [new PyCall('builtins', 'Exception', ['pool/a 4CPU-4GB: no room'])],
    });
  });

  it('tells nothing of the inside of the head', () => {
    const fact = errorFactOf(new TypeError('x of undefined at /home/head'));
    expect(errorDetail(skyErrorOf(fact, 'status'))).toMatchObject({
      type: 'RuntimeError',
      message: expect.not.stringContaining('undefined') as string,
      stacktrace: null,
    });
  });
});
