import type { AuditQuery, AuditView } from '@drover/core/wire';
import type { Transport } from '../transport/transport.ts';
import type { CallOptions } from './options.ts';

/** Which lines are wanted. `limit`: rows of each page. */
export type AuditFilter = Omit<AuditQuery, 'cursor' | 'limit'> & { readonly limit?: number | undefined };

/** `client.audit`: what people did, and what was denied to whom. For admins. */
export class Audit {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Newest first, page after page, as far as it is read. */
  async *list(filter: AuditFilter = {}, options: CallOptions = {}): AsyncGenerator<AuditView> {
    let cursor: string | null | undefined;
    do {
      const page: { items: AuditView[]; nextCursor: string | null } = await this.#transport.json({
        path: '/v1/audit',
        query: { ...filter, cursor },
        repeat: 'always',
        signal: options.signal,
      });
      yield* page.items;
      cursor = page.nextCursor;
    } while (cursor !== null);
  }
}
