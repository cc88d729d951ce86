/** Who may do what. A role is what somebody may do at most; each includes the ones before it. */

/** viewer: reads. user: also makes, changes and ends what projects own. admin: everything, in every project. */
export const ROLES = ['viewer', 'user', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** @returns whether who has `role` may do what needs `needed` */
export const isAtLeast = (role: Role, needed: Role): boolean => ROLES.indexOf(role) >= ROLES.indexOf(needed);

/** The lesser of two: a token may narrow what its user may do, and a user what a membership gives. */
export const lesserRole = (one: Role, other: Role): Role => (isAtLeast(one, other) ? other : one);

/** person: logs in. service: a program's account, which has tokens and no one behind it. */
export const USER_KINDS = ['person', 'service'] as const;
export type UserKind = (typeof USER_KINDS)[number];

/** A disabled user keeps what it owns; none of its tokens is taken. */
export const USER_STATUSES = ['ACTIVE', 'DISABLED'] as const;
export type UserStatus = (typeof USER_STATUSES)[number];

/** What a project may have at once; null: no limit. `logMiB`: of the logs of what has ended, as they are kept. */
export const QUOTA_KEYS = ['instances', 'gpus', 'requests', 'logMiB'] as const;
export type QuotaKey = (typeof QUOTA_KEYS)[number];
export type Quotas = Readonly<Record<QuotaKey, number | null>>;

/** Names of users and projects: as they stand in a flag, a header and a path. */
export const PLAIN_NAME = /^[a-z0-9](?:[a-z0-9._@+-]{0,62}[a-z0-9])?$/;
export const PLAIN_NAME_RULE = '1 to 64 of a-z, 0-9 and . _ @ + -, with a letter or digit at both ends';
export const isPlainName = (text: string): boolean => PLAIN_NAME.test(text);
