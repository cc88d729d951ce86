/**
 * Where machines can come from: the providers that are set up, and the pools of workers that joined by hand. What they
 * offer is asked anew from time to time and kept in memory, so that whoever chooses need not wait for it.
 */
import { DroverError } from '@drover/core';
import type { Reason, SshAccess } from '@drover/core/wire';
import { DEFAULT_PROJECT } from '../actor.ts';
import type { Inventory } from '../machines/inventory.ts';
import type { MachineRow } from '../machines/row.ts';
import type { MachineService } from '../machines/service.ts';
import { type Ports, ProviderError, type ProviderMachine, type ProviderPort } from '../ports.ts';
import type { State } from '../state/state.ts';
import type { Transaction } from '../state/transaction.ts';
import type { MachineType } from './machine-type.ts';
import { metaId, nameOfType, partial } from './naming.ts';
import { typesOfWorkers } from './worker-types.ts';

/** A catalogue older than this is asked for again when somebody looks. */
const FRESH_MS = 30_000;
const REFRESH_MS = 5 * 60_000;

interface Known {
  readonly types: readonly MachineType[];
  readonly error: ProviderError | null;
  readonly atMs: number;
}

/** One infra as it is shown. */
export interface InfraState {
  readonly infra: string;
  readonly sharing: 'shared' | 'dedicated';
  readonly features: { readonly stop: boolean; readonly spot: boolean };
  readonly isEnabled: boolean;
  /** Why it cannot be used, or what is wrong with a part of it. */
  readonly reason: Reason | null;
  readonly isUp: boolean;
  readonly types: readonly MachineType[];
  readonly machines: readonly MachineRow[];
  readonly workers: number;
  readonly unknown: readonly ProviderMachine[];
}

export class InfraService {
  readonly #state: State;
  readonly #ports: Ports;
  readonly #machines: MachineService;
  readonly #inventory: Inventory;
  readonly #known = new Map<string, Known>();
  readonly #asking = new Map<string, Promise<void>>();
  /** Called when what an infra offers has been read anew. */
  onCatalogue: (infra: string) => void = () => undefined;

  constructor(state: State, ports: Ports, machines: MachineService, inventory: Inventory) {
    this.#state = state;
    this.#ports = ports;
    this.#machines = machines;
    this.#inventory = inventory;
  }

  /** Reads all catalogues, and again from time to time. */
  start(): void {
    const turn = (): void => {
      this.refresh().catch((err: unknown) => this.#ports.log.error({ err }, 'reading catalogues failed'));
      this.#ports.clock.after(REFRESH_MS, turn);
    };
    turn();
  }

  get #providers(): readonly ProviderPort[] {
    return this.#ports.providers?.all() ?? [];
  }

  /** `pool/default` and every pool that has a worker, then all that providers serve. */
  names(): string[] {
    const pools = new Set(['pool/default']);
    for (const { place } of this.#state.tables.workers.all()) if (place.startsWith('pool/')) pools.add(place);
    return [...[...pools].sort(), ...this.#providers.map(({ infra }) => infra).sort()];
  }

  /** Its machines belong to all; pools too, and whatever is not known. */
  isShared(infra: string): boolean {
    return this.sharing(infra) === 'shared';
  }

  sharing(infra: string): 'shared' | 'dedicated' {
    return this.#ports.providers?.get(infra)?.sharing ?? 'shared';
  }

  /** Why only admins may run something there; null: whoever may launch may. */
  adminsOnly(infra: string): string | null {
    return this.#ports.providers?.get(infra)?.adminsOnly ?? null;
  }

  /**
   * What can be had, as last heard. Types of shared infra are named as their workers are, so that what was chosen before
   * its workers were there is what the scheduler looks for afterwards.
   */
  types(infra?: string): MachineType[] {
    const names = infra === undefined ? this.names() : [infra];
    return names.flatMap((name) => this.#typesOf(name));
  }

  #typesOf(infra: string): MachineType[] {
    const provider = this.#ports.providers?.get(infra);
    if (provider?.sharing === 'dedicated') return [...(this.#known.get(infra)?.types ?? [])];
    const types = new Map(
      typesOfWorkers(this.#state.tables.workers.all(), infra).map((type) => [type.type, type]),
    );
    // Whose worker stands for itself. One that has not said yet what it offers does not; one that is stopped can be had again.
    const { workers } = this.#state.tables;
    const there = this.machinesOf(infra).filter(
      ({ workerId, status }) =>
        workerId !== null && workers.get(workerId)?.offer && status !== 'STOPPED' && status !== 'STOPPING',
    );
    const served = new Set(there.map((row) => row.type));
    for (const host of this.#known.get(infra)?.types ?? []) {
      if (served.has(host.type)) continue;
      const type = nameOfType(host);
      const known = types.get(type);
      const available = (known?.available ?? 0) + (host.available ?? 1);
      types.set(type, {
        ...(known ?? host),
        type,
        available,
        startSeconds: known?.startSeconds ?? host.startSeconds,
      });
    }
    return [...types.values()];
  }

  /** Whether it has answered, or need not: pools are in the rows. */
  isHeard(infra: string): boolean {
    return this.#known.has(infra) || this.#ports.providers?.get(infra) === undefined;
  }

  /** Machines of a shared infra are on their way: what does not fit now may fit soon. */
  isComing(infra: string): boolean {
    if (this.#ports.providers?.get(infra)?.sharing !== 'shared' || !this.isUp(infra)) return false;
    const rows = this.machinesOf(infra);
    const hosts = this.catalogue(infra)?.length ?? 0;
    return rows.length < hosts || rows.some((row) => row.status !== 'READY' && row.status !== 'FAILED');
  }

  /** The hosts of a shared infra, or the types of a dedicated one, as its provider names them. Null: not heard yet. */
  catalogue(infra: string): readonly MachineType[] | null {
    return this.#known.get(infra)?.types ?? null;
  }

  /** Machines of the infra itself, which are there for everybody; those that are gone left out. */
  machinesOf(infra: string): MachineRow[] {
    return this.#state.tables.machines.ownedBy(`infra/${infra}`).filter((row) => row.status !== 'GONE');
  }

  /** Asks what is on offer now; all infra, or one. Answers of less than half a minute ago count. */
  async refresh(infra?: string, options: { readonly force?: boolean } = {}): Promise<void> {
    const nowMs = this.#ports.clock.monoMs();
    const asked = this.#providers.filter((provider) => infra === undefined || provider.infra === infra);
    await Promise.all(
      asked.map(async (provider) => {
        const known = this.#known.get(provider.infra);
        if (!options.force && known && !known.error && nowMs - known.atMs < FRESH_MS) return;
        const asking = this.#asking.get(provider.infra) ?? this.#ask(provider);
        this.#asking.set(provider.infra, asking);
        await asking.finally(() => this.#asking.delete(provider.infra));
      }),
    );
  }

  async #ask(provider: ProviderPort): Promise<void> {
    const before = this.#known.get(provider.infra);
    const keep = (types: readonly MachineType[], error: ProviderError | null): void => {
      this.#known.set(provider.infra, { types, error, atMs: this.#ports.clock.monoMs() });
    };
    try {
      keep(await provider.catalogue(), null);
    } catch (error) {
      const known =
        error instanceof ProviderError
          ? error
          : new ProviderError('TRANSIENT', error instanceof Error ? error.message : String(error));
      keep(before?.types ?? [], known);
    }
    this.onCatalogue(provider.infra);
  }

  /** How the sshd of hosts are reached, over all infra that know. */
  async sshAccess(): Promise<SshAccess[]> {
    const all = await Promise.all(
      this.#providers.map(async (provider) => (await provider.sshAccess?.()) ?? []),
    );
    return all.flat();
  }

  /** Whether the machines of a shared infra are wanted. */
  isUp(infra: string): boolean {
    return this.#state.tables.meta.get(metaId(infra))?.value === 'UP';
  }

  /** Whether {@link ensure} has nothing to change; pools and dedicated infra need nothing. */
  isEnsured(infra: string): boolean {
    if (this.#ports.providers?.get(infra)?.sharing !== 'shared') return true;
    return this.isUp(infra) && this.machinesOf(infra).every((row) => row.desired !== 'STOPPED');
  }

  /**
   * The machines of a shared infra are wanted from now on; nothing changes when they are already. Hosts that had failed
   * are tried again. No effect on pools and dedicated infra.
   */
  ensure(tx: Transaction, infra: string): void {
    if (this.#ports.providers?.get(infra)?.sharing !== 'shared') return;
    this.#setDesired(tx, infra, 'UP');
    for (const row of this.machinesOf(infra)) {
      if (row.desired === 'STOPPED') this.#machines.setDesired(tx, row.id, 'RUNNING');
      if (row.status === 'FAILED' && !row.mayExist) this.#machines.setDesired(tx, row.id, 'GONE');
    }
  }

  /**
   * The machines of a shared infra are to go, with what runs and lies there; with `keep` they stop, and keep what lies
   * there. @throws {DroverError} INFRA_NOT_FOUND, INFRA_IN_USE
   */
  down(tx: Transaction, infra: string, keep = false): void {
    this.mustKnow(infra);
    // One that is UP would bring it up again at once; one that is STOPPED has its homes there.
    const users = [...this.#state.tables.clusters.all()].filter(
      (row) =>
        row.candidate?.machine.infra === infra &&
        row.status !== 'TERMINATED' &&
        (row.desired === 'UP' || (row.desired === 'STOPPED' && !keep)),
    );
    if (users.length > 0) {
      const clusters = users.slice(0, 10).map((row) => `cluster '${row.name}'`);
      throw new DroverError('INFRA_IN_USE', { ref: infra, clusters: clusters.join(', ') });
    }
    if (tx.get('meta', metaId(infra))) this.#setDesired(tx, infra, 'DOWN');
    for (const row of this.machinesOf(infra)) {
      const stops = keep && (this.#ports.providers?.get(infra)?.features.stop ?? false);
      this.#machines.setDesired(tx, row.id, stops ? 'STOPPED' : 'GONE');
    }
  }

  /** @throws {DroverError} INFRA_NOT_FOUND, NOT_SUPPORTED when it has no machines of its own */
  mustKnow(infra: string): void {
    const provider = this.#ports.providers?.get(infra);
    if (provider?.sharing === 'shared') return;
    if (!provider && !this.names().includes(infra) && this.machinesOf(infra).length === 0)
      throw new DroverError('INFRA_NOT_FOUND', { ref: infra, known: this.names().join(', ') });
    if (provider)
      throw new DroverError('NOT_SUPPORTED', {
        rule: `${infra} has a machine for each cluster, made and removed with it`,
      });
    if (infra.startsWith('pool/'))
      throw new DroverError('NOT_SUPPORTED', {
        rule: `the workers of ${infra} are started and ended by hand`,
      });
  }

  #setDesired(tx: Transaction, infra: string, value: 'UP' | 'DOWN'): void {
    const id = metaId(infra);
    const before = tx.get('meta', id);
    if (before?.value === value) return;
    const made = { id, project: DEFAULT_PROJECT, name: null, status: 'SET', owner: null, value };
    tx.put('meta', { ...before, ...made });
    tx.event({
      noun: 'infra',
      subject: infra,
      name: null,
      type: value === 'UP' ? 'up' : 'down',
      from: before?.value ?? null,
      to: value,
    });
  }

  /** Why a shared infra that is wanted has no machine: all of them have failed. Null while there is hope. */
  problem(infra: string): Reason | null {
    const error = this.#known.get(infra)?.error;
    const rows = this.machinesOf(infra);
    if (rows.length === 0 && error) return { code: error.failure, message: error.message };
    const isHopeless = rows.length > 0 && rows.every((row) => row.status === 'FAILED');
    return isHopeless ? (rows[0]?.failure ?? null) : null;
  }

  /** All infra, as they are shown. */
  describe(): InfraState[] {
    return this.names().map((infra) => this.#describe(infra));
  }

  #describe(infra: string): InfraState {
    const provider = this.#ports.providers?.get(infra);
    const known = this.#known.get(infra);
    const error = known?.error ?? this.#inventory.errorOf(infra);
    const asked = provider === undefined || known !== undefined;
    const reason = error
      ? { code: error.failure, message: error.message }
      : asked
        ? (this.problem(infra) ?? partial(provider))
        : { code: 'UNKNOWN', message: 'it has not answered yet' };
    const { tables } = this.#state;
    return {
      infra,
      sharing: provider?.sharing ?? 'shared',
      features: provider?.features ?? { stop: false, spot: false },
      isEnabled: asked && !known?.error,
      reason,
      isUp: provider?.sharing === 'shared' ? this.isUp(infra) : true,
      types: this.#typesOf(infra),
      machines: [...tables.machines.all()].filter((row) => row.infra === infra && row.status !== 'GONE'),
      workers: [...tables.workers.all()].filter((row) => row.place === infra && row.status === 'ONLINE')
        .length,
      unknown: this.#inventory.unknownOn(infra),
    };
  }
}
