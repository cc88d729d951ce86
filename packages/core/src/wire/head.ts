/** Errors, events and the head's own description on the wire. */
import { z } from 'zod';
import { reason } from './fields.ts';

/** The body of every error of `/v1`. */
export const errorBody = z.object({
  error: z.object({
    code: z.string(),
    message: z.string(),
    details: z.record(z.string(), z.unknown()),
    requestId: z.string(),
  }),
});
export type ErrorBody = z.output<typeof errorBody>;

export const headView = z.object({
  herd: z.string(),
  epoch: z.int(),
  version: z.string(),
  rev: z.int(),
  startedAt: z.iso.datetime(),
  store: z.object({ kind: z.string(), status: z.enum(['ok', 'stalled']), message: z.string().nullable() }),
  refusedFrames: z
    .int()
    .describe('Frames refused since the start, because their fence was older than what stood.'),
  tls: z
    .object({
      ca: z
        .string()
        .nullable()
        .describe('What clients and workers shall trust, for --ca; null: the authorities of their systems.'),
      expiresAt: z.iso.datetime().describe('Of the certificate in use; it is renewed before.'),
    })
    .nullable()
    .describe('Null: this head serves without TLS.'),
});
export type HeadView = z.output<typeof headView>;

/** One line of history: what moved, from where to where, why, and who caused it. */
export const eventView = z.object({
  seq: z.int(),
  at: z.iso.datetime(),
  noun: z.string(),
  id: z.string(),
  name: z.string().nullable(),
  project: z.string(),
  type: z.string(),
  from: z.string().nullable(),
  to: z.string().nullable(),
  reason: reason.nullable(),
  actor: z.string(),
  cause: z.string().nullable(),
  rev: z.int(),
});
export type EventView = z.output<typeof eventView>;

export const eventQuery = z.strictObject({
  after: z.coerce
    .number<string>()
    .int()
    .min(0)
    .optional()
    .describe('Events after this revision; absent: from now on.'),
  noun: z
    .string()
    .max(40)
    .optional()
    .describe('Only events of this noun: `instances`, `workers`, `clusters` ...'),
  id: z.string().max(64).optional().describe('Only events of this object.'),
});
