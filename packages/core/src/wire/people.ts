/** `/v1/users`, `/v1/projects`, `/v1/tokens`, `/v1/whoami` and `/v1/audit`. */
import { z } from 'zod';
import { PLAIN_NAME, PLAIN_NAME_RULE, ROLES, USER_KINDS, USER_STATUSES } from '../people.ts';
import { flag, LIMITS } from './fields.ts';
import { eventView } from './head.ts';

const plainName = z.string().regex(PLAIN_NAME, PLAIN_NAME_RULE);
const role = z.enum(ROLES);
const time = z.iso.datetime();
/** What an admin writes about something, for people. */
const isPrintable = (text: string): boolean => !/[\p{Cc}\p{Bidi_Control}]/u.test(text);
const NO_CONTROL = 'no control characters';
const note = z.string().max(200).refine(isPrintable, NO_CONTROL);

/** The longest life of a token that expires, in seconds: ten years. */
export const MOST_TOKEN_TTL_S = 315_360_000;
/** The life of a token when nothing is said: 90 days. */
export const TOKEN_TTL_S = 7_776_000;

export const userCreate = z
  .strictObject({
    name: plainName.describe('How people call it; unique among users.'),
    kind: z.enum(USER_KINDS).default('person').describe('A person, or a service account.'),
    role: role.default('user').describe('What it may do at most, in any project.'),
  })
  .meta({ examples: [{ name: 'ada', role: 'user' }] });
export type UserCreate = z.input<typeof userCreate>;
export type UserSpec = z.output<typeof userCreate>;
export const userPatch = z
  .strictObject({
    role: role.optional().describe('What it may do at most, in any project.'),
    status: z.enum(USER_STATUSES).optional().describe('DISABLED: none of its tokens is taken.'),
  })
  .meta({ examples: [{ role: 'viewer' }] });
export type UserPatch = z.input<typeof userPatch>;
export const userView = z.object({
  id: z.string(),
  name: z.string(),
  kind: z.enum(USER_KINDS),
  role,
  status: z.enum(USER_STATUSES),
  tokens: z.int().describe('How many of its tokens are good.'),
  createdAt: time,
  createdBy: z.string(),
});
export type UserView = z.output<typeof userView>;
export const userList = z.object({ items: z.array(userView) });

const quota = z.int().min(0).max(1_000_000_000).nullable();
/** Null: no limit. */
export const quotas = z.strictObject({
  instances: quota.default(null).describe('Instances that have not ended.'),
  gpus: quota.default(null).describe('GPUs that are held, or asked for.'),
  requests: quota.default(null).describe('Requests that have not ended.'),
  logMiB: quota.default(null).describe('MiB of logs that are kept.'),
});
/** What is left out stays as it is. */
const quotaPatch = z.strictObject({
  instances: quota.optional().describe('Instances that have not ended; null: no limit.'),
  gpus: quota.optional().describe('GPUs that are held, or asked for; null: no limit.'),
  requests: quota.optional().describe('Requests that have not ended; null: no limit.'),
  logMiB: quota.optional().describe('MiB of logs that are kept; null: no limit.'),
});

export const projectCreate = z
  .strictObject({
    name: plainName.describe('How people call it; never given twice.'),
    private: z
      .boolean()
      .default(true)
      .describe('Only its members come in. Else every user has in it the role that it has at most.'),
    description: note.default('').describe('For people.'),
    quotas: quotas.prefault({}).describe('What it may have at most; null: no limit.'),
  })
  .meta({ examples: [{ name: 'vision', quotas: { gpus: 8 } }] });
export type ProjectCreate = z.input<typeof projectCreate>;
export type ProjectSpec = z.output<typeof projectCreate>;
export const projectPatch = z
  .strictObject({
    private: z.boolean().optional().describe('Only its members come in.'),
    description: note.optional().describe('For people.'),
    quotas: quotaPatch.optional().describe('What is left out stays.'),
  })
  .meta({ examples: [{ quotas: { gpus: 16 } }] });
export type ProjectPatch = z.input<typeof projectPatch>;
const usage = z.object({
  instances: z.int(),
  gpus: z.number(),
  requests: z.int(),
  logMiB: z.number().nullable(),
});
export const projectView = z.object({
  id: z.string(),
  name: z.string(),
  private: z.boolean(),
  description: z.string(),
  quotas,
  /** What it has now, counted as the quotas count; `logMiB` is null while no quota asks for it. */
  usage,
  members: z.array(z.object({ user: z.string(), role })),
  /** What the caller may do there. */
  role,
  createdAt: time,
});
export type ProjectView = z.output<typeof projectView>;
export const projectList = z.object({ items: z.array(projectView) });
export const memberBody = z.strictObject({ role: role.describe('What that user may do in this project.') });

export const tokenCreate = z
  .strictObject({
    name: z
      .string()
      .min(1)
      .max(64)
      .refine(isPrintable, NO_CONTROL)
      .default('token')
      .describe('What it is for, as its owner reads it in a list.'),
    user: plainName
      .optional()
      .describe('For whom; left out: the caller. Only an admin makes them for others.'),
    role: role.optional().describe('What it may do at most; left out: what its user may.'),
    project: plainName.optional().describe("The only project that it opens; left out: all of its user's."),
    ttlS: z
      .int()
      .min(1)
      .max(MOST_TOKEN_TTL_S)
      .nullable()
      .optional()
      .describe(
        'Seconds; null: until it is revoked; left out: 90 days. Never longer than the token of this call lives, unless that is an admin.',
      ),
  })
  .meta({ examples: [{ name: 'laptop', ttlS: 86400 }] });
export type TokenCreate = z.input<typeof tokenCreate>;
export type TokenSpec = z.output<typeof tokenCreate>;
export const tokenView = z.object({
  id: z.string(),
  name: z.string(),
  user: z.string(),
  role: role.nullable(),
  project: z.string().nullable(),
  hint: z.string().describe('Its first characters: to know it again by.'),
  expiresAt: time.nullable(),
  createdAt: time,
  createdBy: z.string(),
  lastUsedAt: time.nullable().describe('Since the head started; to the minute.'),
});
export type TokenView = z.output<typeof tokenView>;
/** `token` is shown this once. */
export const tokenMade = tokenView.extend({ token: z.string() });
export type TokenMade = z.output<typeof tokenMade>;
export const tokenList = z.object({ items: z.array(tokenView) });
export const tokenListQuery = z.strictObject({
  allUsers: flag.default(false).describe('Those of all users: for admins.'),
});

export const whoami = z.object({
  user: z.object({ id: z.string(), name: z.string(), kind: z.enum([...USER_KINDS, 'builtin']), role }),
  project: z.string().describe('The project that this very call is for, and what the caller may do there.'),
  role,
  token: tokenView
    .nullable()
    .describe("Null: the token of the head's own file, or no token where calls of this machine are trusted."),
  projects: z.array(z.object({ name: z.string(), role })).describe('All that the caller may come into.'),
});
export type Whoami = z.output<typeof whoami>;

/** A line of the audit: an event that somebody caused, or a call that was denied. */
export const auditView = eventView.extend({
  actorKind: z.enum(['person', 'worker', 'system']),
  source: z.string().nullable().describe('The address that the call came from; null where there was none.'),
  result: z.enum(['done', 'denied']),
});
export type AuditView = z.output<typeof auditView>;
export const auditQuery = z.strictObject({
  actor: z.string().max(200).optional().describe('Only what this one did, or was denied.'),
  noun: z.string().max(40).optional().describe('Only events of this noun.'),
  id: z.string().max(64).optional().describe('Only events of this object.'),
  project: z.string().max(64).optional().describe('Only events of this project.'),
  result: z.enum(['done', 'denied']).optional().describe('Only what was done, or was denied.'),
  limit: z.coerce
    .number<string>()
    .int()
    .min(1)
    .max(LIMITS.pageSize)
    .default(100)
    .describe('Items on a page, at most.'),
  cursor: z
    .string()
    .regex(/^\d{1,15}$/, 'the nextCursor of an earlier page')
    .optional()
    .describe('`nextCursor` of the page before.'),
});
export type AuditQuery = z.input<typeof auditQuery>;
export type AuditWish = z.output<typeof auditQuery>;
/** Newest first. A page may be short, or empty, and not be the last: go on while `nextCursor` is there. */
export const auditPage = z.object({ items: z.array(auditView), nextCursor: z.string().nullable() });
