/** The same key, the same instance: a create call can be repeated when its answer was lost. */
import { DroverError, type InstanceId } from '@drover/core';
import type { InstanceSubmit } from '@drover/core/wire';
import type { Actor } from '../actor.ts';
import type { Ports } from '../ports.ts';
import { decodeRow } from '../state/codec.ts';
import type { InstanceRow } from '../state/rows.ts';
import type { State } from '../state/state.ts';
import type { Transaction } from '../state/transaction.ts';

export class Idempotency {
  readonly #state: State;
  readonly #ports: Ports;

  constructor(state: State, ports: Ports) {
    this.#state = state;
    this.#ports = ports;
  }

  /** Brings the instance of an earlier call with this key back into memory, when that has let it go. Before `submit`. */
  async recall(actor: Actor, key: string): Promise<void> {
    const known = this.#state.tables.idempotency.get(this.#idOf(actor, key));
    if (!known || this.#state.tables.instances.get(known.instanceId)) return;
    const stored = await this.#ports.store.get('instances', known.instanceId);
    if (stored) this.#state.admit('instances', decodeRow<InstanceRow>('instances', stored));
  }

  /**
   * The instance of an earlier call with this key, or null.
   * @throws {DroverError} IDEMPOTENCY_CONFLICT for another body, INSTANCE_NOT_FOUND when it was deleted since
   */
  replay(tx: Transaction, actor: Actor, key: string, input: InstanceSubmit): InstanceRow | null {
    const known = tx.get('idempotency', this.#idOf(actor, key));
    if (!known) return null;
    if (known.bodyDigest !== this.#digestOf(input)) {
      throw new DroverError('IDEMPOTENCY_CONFLICT', { differs: 'the body', instance: known.instanceId });
    }
    const row = tx.get('instances', known.instanceId);
    if (row) return row;
    const message = `the instance of this Idempotency-Key (${known.instanceId}) was deleted`;
    throw new DroverError('INSTANCE_NOT_FOUND', { ref: known.instanceId }, { message });
  }

  remember(tx: Transaction, actor: Actor, key: string, input: InstanceSubmit, instanceId: InstanceId): void {
    tx.put('idempotency', {
      id: this.#idOf(actor, key),
      project: actor.project,
      name: null,
      status: 'USED',
      owner: null,
      bodyDigest: this.#digestOf(input),
      instanceId,
      createdMs: this.#ports.clock.wallMs(),
    });
  }

  #idOf(actor: Actor, key: string): string {
    return this.#ports.random.digest(`${actor.project}\u0000${actor.name}\u0000${key}`);
  }

  #digestOf(input: InstanceSubmit): string {
    return this.#ports.random.digest(JSON.stringify(input));
  }
}
