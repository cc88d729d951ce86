import type { Quotas, Role } from '@drover/core';
import type { RowBase } from '../state/rows.ts';

/** Owns what people make. Known by its name, which never changes: rows carry it. */
export interface ProjectRow extends RowBase {
  readonly name: string;
  /** A deleted one keeps its name from being given again. */
  readonly status: 'ACTIVE' | 'DELETED';
  /** Only its members come in. */
  readonly private: boolean;
  readonly description: string;
  /** Users by id. */
  readonly members: readonly { readonly user: string; readonly role: Role }[];
  readonly quotas: Quotas;
  readonly createdMs: number;
}
