/** Headers that several routes take. The routes check them; here they are described. */
import { uuid } from '@drover/core/wire';
import { z } from 'zod';

/** Of a submit. */
export const idempotencyKey = {
  'Idempotency-Key': {
    description:
      'Chosen by the caller, 1 to 200 printable ASCII characters. The same key with the same body gives the instance that the first call has made; with another body the answer is IDEMPOTENCY_CONFLICT.',
    schema: z
      .string()
      .regex(/^[\x20-\x7e]{1,200}$/)
      .optional(),
  },
};

/** Of a call that makes a request. */
export const requestId = {
  'Idempotency-Key': {
    description:
      'A UUID (version 4, lower case), chosen by the caller: it becomes the id of the request. The same call with the same id gives the same request.',
    schema: uuid.optional(),
  },
};

/** What people see as the last use of a cluster. */
export const lastUse = {
  'Drover-Command': {
    description:
      'The command that the person gave, for others to see as `lastUse` of the cluster. At most 500 characters are kept.',
    schema: z.string().optional(),
  },
};
