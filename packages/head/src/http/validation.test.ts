import { DroverError } from '@drover/core';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { validatorCompiler } from './validation.ts';

it('more wrong values than the stack has room for are a fault of the sender, not of ours', () => {
  // How many that are depends on the thread.
  const schema = z.unknown().refine(() => {
    throw new RangeError('Maximum call stack size exceeded');
  });
  const verdict = validatorCompiler({ schema, httpPart: 'body' })({});
  const error = 'error' in verdict ? verdict.error : null;
  expect(error).toBeInstanceOf(DroverError);
  expect(error).toMatchObject({ code: 'INVALID_REQUEST', details: { field: 'body' } });
});
