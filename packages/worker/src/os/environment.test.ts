import { describe, expect, test } from 'vitest';
import { argumentsOf, inheritedEnvironment, instanceEnvironment } from './environment.ts';
import { orderFor } from './testing.ts';

const own = {
  PATH: '/bin',
  HOME: '/root',
  LC_ALL: 'C',
  SECRET: 's',
  DROVER_TOKEN: 't',
  PWD: '/x',
  CUDA_VISIBLE_DEVICES: '7',
};

test('the worker gives its environment without what is its own; clean: an allow-list', () => {
  expect(inheritedEnvironment(own, false)).toEqual({
    PATH: '/bin',
    HOME: '/root',
    LC_ALL: 'C',
    SECRET: 's',
    CUDA_VISIBLE_DEVICES: '7',
  });
  expect(inheritedEnvironment(own, true)).toEqual({ PATH: '/bin', HOME: '/root', LC_ALL: 'C' });
});

describe('CUDA_VISIBLE_DEVICES', () => {
  const inherited = inheritedEnvironment(own, false);
  const of = (gpuIndices: number[], env: Record<string, string>) =>
    instanceEnvironment(inherited, orderFor('x', { gpuIndices, env }), 1, '/').CUDA_VISIBLE_DEVICES;
  test('is what was allocated, else empty, else what the user says', () => {
    expect(of([2, 0], {})).toBe('2,0');
    expect(of([2, 0], { CUDA_VISIBLE_DEVICES: '5' })).toBe('2,0');
    expect(of([], {})).toBe('');
    expect(of([], { CUDA_VISIBLE_DEVICES: '5' })).toBe('5');
  });
});

describe('TRACEPARENT', () => {
  const ours = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
  const of = (extra: Parameters<typeof orderFor>[1]) =>
    instanceEnvironment({ TRACEPARENT: 'of the worker' }, orderFor('x', extra), 1, '/').TRACEPARENT;
  test('is that of the call that asked for it, but where the user has set one', () => {
    expect(of({ traceparent: ours })).toBe(ours);
    expect(of({ traceparent: ours, env: { TRACEPARENT: 'mine' } })).toBe('mine');
    expect(of({ traceparent: ours, context: { TRACEPARENT: 'a secret' } })).toBe('a secret');
    expect(of({})).toBe('of the worker');
  });
});

test('what Drover says beats what the user says', () => {
  const order = orderFor('x', {
    name: null,
    env: { PORT: '1', DROVER_ATTEMPT: '9', DROVER_X: 'y', PATH: '/mine' },
  });
  const env = instanceEnvironment({ PATH: '/bin' }, order, 10_001, '/w');
  expect(env).toEqual({
    PATH: '/mine',
    PWD: '/w',
    CUDA_VISIBLE_DEVICES: '',
    PORT: '10001',
    DROVER_INSTANCE_ID: order.instance,
    DROVER_ATTEMPT: '1',
  });
});

test('arguments', () => {
  expect(argumentsOf(orderFor('echo $PORT'), 5, '/bin/bash')).toEqual(['/bin/bash', '-c', 'echo $PORT']);
  expect(argumentsOf(orderFor(['a', '$PORT${PORT}', '$PORT_', '$$PORT', '\\$PORT']), 5, 'sh')).toEqual([
    'a',
    '55',
    '$PORT_',
    '$5',
    '\\5',
  ]);
});
