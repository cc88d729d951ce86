/** Wishes for machines. The controller does what they ask. */
import type { MachineDesire, MachineId } from '@drover/core';
import type { Reason } from '@drover/core/wire';
import type { Actor } from '../actor.ts';
import type { MachineType } from '../infra/machine-type.ts';
import type { Ports } from '../ports.ts';
import type { State } from '../state/state.ts';
import type { Transaction } from '../state/transaction.ts';
import { moveMachine } from './move.ts';
import type { MachineRow } from './row.ts';
import { tagOf } from './tag.ts';

/** One machine that somebody wants. */
export interface MachineWish {
  readonly project: string;
  /** What people read; the provider may show it. */
  readonly name: string;
  /** `clusters/<id>`, `infra/<infra>`. */
  readonly owner: string;
  readonly type: Pick<
    MachineType,
    'infra' | 'type' | 'region' | 'zone' | 'pricePerHour' | 'spotPricePerHour'
  >;
  readonly spot?: boolean;
  /** US dollars per hour; default: the price of the type, so that a dearer one is refused. Null: at any price. */
  readonly maxPricePerHour?: number | null;
  /** Whose wish it is, for fairness. */
  readonly requestedBy: string;
}

export class MachineService {
  readonly #state: State;
  readonly #ports: Ports;
  readonly #herd: string;

  constructor(state: State, ports: Ports, herd: string) {
    this.#state = state;
    this.#ports = ports;
    this.#herd = herd;
  }

  /**
   * Records the wish, and with it the tag. The provider is asked when this is durable.
   * The machine is READY with a `workerId`, or FAILED with a `failure`, in the end.
   */
  want(tx: Transaction, wish: MachineWish): MachineRow {
    const now = this.#ports.clock.wallMs();
    const id = this.#ports.random.uuid() as MachineId;
    const { type, spot = false } = wish;
    const pricePerHour = (spot ? type.spotPricePerHour : null) ?? type.pricePerHour;
    tx.put('machines', {
      id,
      project: wish.project,
      name: wish.name,
      status: 'WANTED',
      owner: wish.owner,
      infra: type.infra,
      type: type.type,
      region: type.region,
      zone: type.zone,
      spot,
      pricePerHour,
      maxPricePerHour: wish.maxPricePerHour === undefined ? pricePerHour : wish.maxPricePerHour,
      tag: tagOf(this.#herd, id),
      requestedBy: wish.requestedBy,
      desired: 'RUNNING',
      providerId: null,
      workerId: null,
      address: null,
      reason: null,
      failure: null,
      mayExist: false,
      attempts: 0,
      deadlineMs: null,
      alertedMs: null,
      createdMs: now,
      sinceMs: now,
      billedBeforeMs: 0,
      billedFromMs: null,
      billedToMs: null,
    });
    const row = tx.get('machines', id) as MachineRow;
    tx.event({ noun: 'machines', subject: id, name: row.name, type: 'want', from: null, to: row.status });
    return row;
  }

  /** What is to become of it. Nothing brings back one that is to be GONE. Unknown ids are no error. */
  setDesired(tx: Transaction, id: string, desired: MachineDesire): void {
    const row = tx.get('machines', id);
    if (!row || row.desired === desired || row.desired === 'GONE') return;
    const next: MachineRow = { ...row, desired };
    // Nobody has asked a provider for it yet: it ends at once.
    if (desired === 'GONE' && row.status === 'WANTED')
      moveMachine(tx, next, 'vanish', this.#ports.clock.wallMs(), {
        reason: { code: 'CANCELLED', message: 'given up before it was asked for' },
      });
    else tx.put('machines', next);
  }

  /** All that are kept in memory, oldest first. */
  async list(actor: Actor): Promise<MachineRow[]> {
    const isMeant = (row: MachineRow): boolean => actor.role === 'admin' || row.project === actor.project;
    const rows = [...this.#state.tables.machines.all()].filter(isMeant);
    await this.#state.durableUnlessStalled(this.#state.rev);
    return rows.sort((a, b) => a.seq - b.seq);
  }
}

/** It did not come up or was lost, and why. The row stays until its owner wants it GONE. */
export function failMachine(
  tx: Transaction,
  row: MachineRow,
  nowMs: number,
  failure: Reason,
  mayExist: boolean,
): MachineRow {
  return moveMachine(tx, row, 'fail', nowMs, { reason: failure, failure: row.failure ?? failure, mayExist });
}
