/**
 * The network of one run: a bridge in the namespace of the harness, and a namespace of its own with a veth pair for each
 * component. Faults are put on inside a component's namespace and taken off as a whole.
 */
import { statSync } from 'node:fs';
import { runTool } from './shell.ts';

/** Host part of the address of the harness itself. */
const HUB = 1;

/** What comes in, what goes out, or both. */
export type Direction = 'in' | 'out' | 'both';

export interface Place {
  readonly name: string;
  readonly namespace: string;
  readonly address: string;
}

const chains = (direction: Direction): string[] =>
  direction === 'both' ? ['INPUT', 'OUTPUT'] : [direction === 'in' ? 'INPUT' : 'OUTPUT'];

export class Network {
  readonly #run: string;
  readonly #index: number;
  readonly #places = new Map<string, Place>();
  #next = HUB + 1;

  /**
   * @param run part of every name, so that runs side by side never meet
   * @param index of the network within the run: several may be open, each with a bridge and addresses of its own
   */
  constructor(run: string, index = 0) {
    this.#run = run;
    this.#index = index;
  }

  get #bridge(): string {
    return `drover${this.#index}`;
  }

  #address(host: number): string {
    return `10.77.${this.#index}.${host}`;
  }

  /** Where the harness itself is reached by the components. */
  get hubAddress(): string {
    return this.#address(HUB);
  }

  async open(): Promise<void> {
    await runTool('ip', ['link', 'add', this.#bridge, 'type', 'bridge']);
    await runTool('ip', ['addr', 'add', `${this.hubAddress}/24`, 'dev', this.#bridge]);
    await runTool('ip', ['link', 'set', this.#bridge, 'up']);
  }

  /** A namespace with its own link to the bridge. `link` false: the caller brings the device `eth0` and its address. */
  async add(name: string, link = true): Promise<Place> {
    const host = this.#next++;
    const namespace = `drover-chaos-${this.#run}-${this.#index}-${name}`;
    const place = { name, namespace, address: this.#address(host) };
    await runTool('ip', ['netns', 'add', place.namespace]);
    this.#places.set(name, place);
    await this.inside(name, 'ip', ['link', 'set', 'lo', 'up']);
    if (!link) return place;
    const outer = this.device(host);
    const ends = ['type', 'veth', 'peer', 'name', 'eth0', 'netns', place.namespace];
    await runTool('ip', ['link', 'add', outer, ...ends]);
    await this.plug(outer);
    await this.address(name);
    return place;
  }

  /** The name of the harness's end of a link. */
  device(host: number): string {
    return `c${this.#index}h${host}`;
  }

  /** Takes all of it away; what runs inside must have ended. */
  async close(): Promise<void> {
    for (const { namespace } of this.#places.values()) await runTool('ip', ['netns', 'del', namespace]);
    await runTool('ip', ['link', 'del', this.#bridge]);
  }

  /** Puts a device of the harness on the bridge. */
  async plug(device: string): Promise<void> {
    await runTool('ip', ['link', 'set', device, 'master', this.#bridge, 'up']);
  }

  /** Gives `eth0` of a component its address. */
  async address(name: string): Promise<void> {
    await this.inside(name, 'ip', ['addr', 'add', `${this.place(name).address}/24`, 'dev', 'eth0']);
    await this.inside(name, 'ip', ['link', 'set', 'eth0', 'up']);
  }

  /** Gives it another one, as a machine gets that has moved. */
  async move(name: string, host: number): Promise<string> {
    const address = this.#address(host);
    const old = this.place(name);
    await this.inside(name, 'ip', ['addr', 'flush', 'dev', 'eth0']);
    this.#places.set(name, { ...old, address });
    await this.address(name);
    return address;
  }

  place(name: string): Place {
    const place = this.#places.get(name);
    if (!place) throw new Error(`no component ${name}`);
    return place;
  }

  /** The component's namespace as a process names it. */
  inode(name: string): string {
    return `net:[${statSync(`/run/netns/${this.place(name).namespace}`).ino}]`;
  }

  /** A program and its arguments as they stand in the component's namespace. */
  command(name: string): string[] {
    return ['nsenter', `--net=/run/netns/${this.place(name).namespace}`, '--'];
  }

  async inside(name: string, tool: string, args: readonly string[]): Promise<string> {
    const [enter = '', ...rest] = [...this.command(name), tool, ...args];
    return await runTool(enter, rest);
  }

  /** Packets vanish: no reset, no ICMP. The kernel's own device goes on. */
  async drop(name: string, direction: Direction, probability = 1): Promise<void> {
    const chance =
      probability < 1 ? ['-m', 'statistic', '--mode', 'random', '--probability', String(probability)] : [];
    for (const chain of chains(direction)) await this.#rule(name, chain, [...chance, '-j', 'DROP']);
  }

  /** Every new or open connection is reset, as by a firewall that says so. */
  async reject(name: string): Promise<void> {
    for (const chain of chains('both'))
      await this.#rule(name, chain, ['-p', 'tcp', '-j', 'REJECT', '--reject-with', 'tcp-reset']);
  }

  async #rule(name: string, chain: string, rule: readonly string[]): Promise<void> {
    const device = chain === 'INPUT' ? '-i' : '-o';
    await this.inside(name, 'iptables', ['-w', '-A', chain, device, 'eth0', ...rule]);
  }

  /** The cable is pulled (`up` false) or put in. */
  async link(name: string, up: boolean): Promise<void> {
    await this.inside(name, 'ip', ['link', 'set', 'eth0', up ? 'up' : 'down']);
  }

  /** All rules off, the cable in. */
  async heal(name: string): Promise<void> {
    await this.inside(name, 'iptables', ['-w', '-F']);
    await this.link(name, true);
  }
}
