import type { Role, UserKind, UserStatus } from '@drover/core';
import type { RowBase } from '../state/rows.ts';

/** Somebody who may call, or a program's account. */
export interface UserRow extends RowBase {
  readonly name: string;
  readonly status: UserStatus;
  readonly kind: UserKind;
  /** What it may do at most, in any project. */
  readonly role: Role;
  readonly createdMs: number;
  readonly createdBy: string;
}
