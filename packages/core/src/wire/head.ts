/** Errors, events and the head's own description on the wire. */
import { z } from 'zod';

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
  /** Frames refused since the start, because their fence was older than what stood. */
  refusedFrames: z.int(),
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
  reason: z.object({ code: z.string(), message: z.string() }).nullable(),
  actor: z.string(),
  cause: z.string().nullable(),
  rev: z.int(),
});
export type EventView = z.output<typeof eventView>;

export const eventQuery = z.strictObject({
  /** Events after this revision; absent: from now on. */
  after: z.coerce.number<string>().int().min(0).optional(),
  noun: z.string().max(40).optional(),
  id: z.string().max(64).optional(),
});
