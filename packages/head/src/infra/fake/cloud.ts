/**
 * A provider for tests and demonstrations, with everything that clouds do: types, prices, regions, stock, delays; and,
 * on demand, errors and lies. What its machines are is left to a {@link FakeHost}: real workers on this machine, or
 * simulated ones.
 */
import {
  type Clock,
  type MachineOrder,
  type MachineType,
  ProviderError,
  type ProviderMachine,
  type ProviderPort,
} from '@drover/engine';
import { type FakeFaults, type FakeInfra, type FakeType, isSelected } from './config.ts';
import { acceleratorsOf, type Place, placesOf } from './places.ts';

/** One machine as the fake cloud keeps it. */
export interface FakeMachineRecord {
  readonly tag: string;
  readonly id: string;
  readonly type: string;
  readonly region: string | null;
  readonly zone: string | null;
  readonly status: ProviderMachine['status'];
  readonly order: MachineOrder;
  /** When it will run, by the wall clock. */
  readonly bootMs: number;
}

/** What the machines are made of. Every call may be made twice. */
export interface FakeHost {
  /** Its worker begins (again). */
  boot(machine: FakeMachineRecord, type: FakeType): Promise<void>;
  /** A worker elsewhere begins with the same token. */
  bootCopy(machine: FakeMachineRecord, type: FakeType): Promise<void>;
  /** Its worker ends; its disk stays. */
  halt(tag: string): Promise<void>;
  /** Nothing of it is left. */
  erase(tag: string): Promise<void>;
  addressOf(tag: string): string | null;
  /** What it printed last, when its worker has ended. */
  lastWords(tag: string): string | null;
}

/** Where the records are kept; they survive the head. */
export interface FakeDesk {
  load(): readonly FakeMachineRecord[];
  save(records: readonly FakeMachineRecord[]): void;
}

export interface FakeCloudOptions {
  readonly infra: string;
  /** Asked at each call, since the file may have changed. */
  readonly config: () => FakeInfra;
  readonly clock: Clock;
  readonly host: FakeHost;
  readonly desk: FakeDesk;
  /** Why only admins may have machines of it: those of this very machine run as the head's own user. */
  readonly adminsOnly?: string | undefined;
}

export class FakeCloud implements ProviderPort {
  readonly infra: string;
  readonly sharing = 'dedicated';
  readonly listing = 'eventual';
  readonly adminsOnly: string | undefined;
  readonly #options: FakeCloudOptions;
  readonly #machines = new Map<string, FakeMachineRecord>();
  /** The list as it was at earlier times, oldest first. */
  #history: { readonly atMs: number; readonly list: readonly ProviderMachine[] }[] = [];
  #turn = 0;

  constructor(options: FakeCloudOptions) {
    this.#options = options;
    this.infra = options.infra;
    this.adminsOnly = options.adminsOnly;
    for (const record of options.desk.load()) {
      this.#machines.set(record.tag, record);
      if (record.status === 'creating') this.#bootAt(record.tag);
    }
  }

  get features(): { readonly stop: boolean; readonly spot: boolean } {
    return this.#options.config().features;
  }

  get #faults(): FakeFaults {
    return this.#options.config().faults;
  }

  async catalogue(): Promise<readonly MachineType[]> {
    this.#refuse();
    return this.#options
      .config()
      .types.flatMap((type) => placesOf(type).map((place) => this.#offer(type, place)));
  }

  #offer(type: FakeType, place: Place): MachineType {
    return {
      infra: this.infra,
      type: type.type,
      region: place.region,
      zone: place.zone,
      cpus: type.cpus,
      memoryMiB: type.memoryMiB,
      accelerators: acceleratorsOf(type),
      pricePerHour: place.price,
      spotPricePerHour: place.spotPrice,
      available: place.stock === null ? null : Math.max(0, place.stock - this.#countAt(type, place)),
      startSeconds: type.startSeconds,
    };
  }

  #countAt(type: FakeType, place: Place): number {
    return [...this.#machines.values()].filter(
      (each) => each.type === type.type && each.region === place.region && each.zone === place.zone,
    ).length;
  }

  /** @throws {ProviderError} what the faults of the moment say of any call */
  #refuse(): void {
    const { authRevoked, callsFail } = this.#faults;
    if (authRevoked) throw new ProviderError('AUTH', `${this.infra}: the credentials were revoked`);
    if (callsFail) throw new ProviderError(callsFail, `${this.infra}: ${callsFail} is set in its file`);
  }

  async create(order: MachineOrder): Promise<ProviderMachine> {
    this.#refuse();
    const faults = this.#faults;
    await this.#pause(faults.createDelayS);
    const known = this.#machines.get(order.tag);
    if (known) return this.#view(known);
    const { type, place } = this.#find(order);
    const where = [order.type, order.region, order.zone].filter((part) => part !== null).join(' in ');
    if (isSelected(faults.quota, order))
      throw new ProviderError('QUOTA', `${this.infra}: the quota for ${where} is used up`);
    const isFull = place.stock !== null && this.#countAt(type, place) >= place.stock;
    if (isFull || isSelected(faults.outOfStock, order))
      throw new ProviderError('OUT_OF_STOCK', `${this.infra}: no ${where} is left`);
    const price = ((order.spot ? place.spotPrice : null) ?? place.price) * faults.priceFactor;
    if (order.maxPricePerHour !== null && price > order.maxPricePerHour)
      throw new ProviderError(
        'PRICE_CHANGED',
        `${this.infra}: ${where} costs $${price}/h now, more than the $${order.maxPricePerHour}/h that were agreed`,
      );
    const { clock } = this.#options;
    const record: FakeMachineRecord = {
      tag: order.tag,
      id: `fake-${order.tag.slice(-12)}`,
      type: order.type,
      region: order.region,
      zone: order.zone,
      status: 'creating',
      order,
      bootMs: clock.wallMs() + faults.bootDelayS * 1000,
    };
    if (!faults.createVanishes) {
      this.#put(record);
      this.#bootAt(record.tag);
    }
    if (faults.createTimesOut) throw new ProviderError('TRANSIENT', `${this.infra}: the gateway timed out`);
    return this.#view(record);
  }

  #find(order: MachineOrder): { type: FakeType; place: Place } {
    const type = this.#options.config().types.find((each) => each.type === order.type);
    const place =
      type && placesOf(type).find(({ region, zone }) => region === order.region && zone === order.zone);
    if (!type || !place)
      throw new ProviderError(
        'INVALID',
        `${this.infra} has no ${[order.type, order.region, order.zone].filter((part) => part !== null).join(' in ')}`,
      );
    if (order.spot && place.spotPrice === null)
      throw new ProviderError('INVALID', `${this.infra} has no ${order.type} as spot`);
    return { type, place };
  }

  async stop(tag: string): Promise<void> {
    this.#refuse();
    const record = this.#machines.get(tag);
    if (!record || record.status === 'stopped' || record.status === 'terminating') return;
    await this.#options.host.halt(tag);
    this.#put({ ...record, status: 'stopped' });
  }

  async start(tag: string): Promise<void> {
    this.#refuse();
    await this.#pause(this.#faults.startDelayS);
    const record = this.#machines.get(tag);
    if (!record) throw new ProviderError('INVALID', `${this.infra} has no machine ${tag}`);
    if (record.status !== 'stopped') return;
    const bootMs = this.#options.clock.wallMs() + this.#faults.bootDelayS * 1000;
    this.#put({ ...record, status: 'creating', bootMs });
    this.#bootAt(tag);
  }

  async terminate(tag: string): Promise<void> {
    this.#refuse();
    const record = this.#machines.get(tag);
    if (!record || this.#faults.terminateIgnored) return;
    this.#put({ ...record, status: 'terminating' });
    await this.#options.host.erase(tag);
    this.#machines.delete(tag);
    this.#save();
  }

  /** As if somebody had removed it behind our back, or it was taken back. */
  forgetMachine(tag: string): void {
    this.#machines.delete(tag);
    this.#save();
  }

  async list(): Promise<readonly ProviderMachine[]> {
    this.#refuse();
    const { listFails, listDelayS, listPartial } = this.#faults;
    if (listFails) throw new ProviderError(listFails, `${this.infra}: its list answers ${listFails}`);
    const nowMs = this.#options.clock.monoMs();
    this.#remember(nowMs);
    const wanted = nowMs - listDelayS * 1000;
    const seen = this.#history.findLast(({ atMs }) => atMs <= wanted)?.list ?? [];
    const list = listDelayS === 0 ? this.#listed() : seen;
    this.#turn += 1;
    return listPartial ? list.filter((_, index) => (index + this.#turn) % 2 === 0) : list;
  }

  /** Its machine becomes a real one when its time has come, also after a restart of this head. */
  #bootAt(tag: string): void {
    const { clock, host } = this.#options;
    const delayMs = Math.max(0, (this.#machines.get(tag)?.bootMs ?? 0) - clock.wallMs());
    clock.after(delayMs, () => {
      const record = this.#machines.get(tag);
      const type = this.#options.config().types.find((each) => each.type === record?.type);
      if (record?.status !== 'creating' || !type) return;
      const running: FakeMachineRecord = { ...record, status: 'running' };
      this.#put(running);
      if (this.#faults.neverJoins) return;
      // What its worker says lies in its folder; that it never comes is seen by the deadline of the join.
      host.boot(running, type).catch(() => undefined);
      if (this.#faults.joinsTwice) host.bootCopy(running, type).catch(() => undefined);
    });
  }

  #pause(delayS: number): Promise<void> {
    if (delayS === 0) return Promise.resolve();
    return new Promise((resolve) => this.#options.clock.after(delayS * 1000, resolve));
  }

  #put(record: FakeMachineRecord): void {
    this.#machines.set(record.tag, record);
    this.#save();
  }

  #save(): void {
    this.#options.desk.save([...this.#machines.values()]);
    this.#remember(this.#options.clock.monoMs());
  }

  #listed(): ProviderMachine[] {
    return [...this.#machines.values()].map((record) => this.#view(record));
  }

  /** So much as the longest delay of a list needs. */
  #remember(atMs: number): void {
    this.#history = [
      ...this.#history.filter((each, index, all) => index === all.length - 1 || atMs - each.atMs < 3_600_000),
      { atMs, list: this.#listed() },
    ].slice(-5_000);
  }

  #view(record: FakeMachineRecord): ProviderMachine {
    const { host } = this.#options;
    return {
      tag: record.tag,
      id: record.id,
      status: record.status,
      address: host.addressOf(record.tag),
      note: host.lastWords(record.tag),
    };
  }
}
