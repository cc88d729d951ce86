import type { Role } from '@drover/core';
import type { RowBase } from '../state/rows.ts';

/** What opens the head for a user; `owner` is `users/<id>`, `name` what it is for. */
export interface TokenRow extends RowBase {
  readonly name: string;
  readonly digest: string;
  /** Its first characters. */
  readonly hint: string;
  /** What it may do at most; null: what its user may. */
  readonly role: Role | null;
  /** The only project that it opens; null: all of its user's. */
  readonly scope: string | null;
  readonly expiresMs: number | null;
  readonly createdMs: number;
  readonly createdBy: string;
}
