/** The link of one component as a relay of Ethernet frames that can delay, lose, double, reorder and corrupt them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { writeInPlace } from './compiled.ts';
import type { Network } from './network.ts';

export interface Mangling {
  readonly delayMs?: number;
  readonly jitterMs?: number;
  /** Chances, of each frame. */
  readonly loss?: number;
  readonly duplicate?: number;
  readonly reorder?: number;
  readonly corrupt?: number;
}

export class Relay {
  readonly #control: string;
  readonly #child: ChildProcess;

  private constructor(control: string, child: ChildProcess) {
    this.#control = control;
    this.#child = child;
  }

  /** Adds a component to the network whose link is a relay. @param program the compiled relay */
  static async add(
    network: Network,
    name: string,
    program: string,
    control: string,
    seed: number,
  ): Promise<Relay> {
    const place = await network.add(name, false);
    writeInPlace(control, settings({}));
    const outer = network.device(Number(place.address.split('.')[3]));
    const args = [`/run/netns/${place.namespace}`, 'eth0', outer, control, String(seed)];
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    await new Promise<void>((resolve, reject) => {
      let why = '';
      child.stderr.on('data', (chunk: Buffer) => {
        why += chunk.toString();
      });
      child.stdout.once('data', () => resolve());
      child.once('error', reject);
      child.once('exit', () => reject(new Error(`the relay ended: ${why.trim()}`)));
    });
    await network.plug(outer);
    await network.address(name);
    return new Relay(control, child);
  }

  set(mangling: Mangling): void {
    writeInPlace(this.#control, settings(mangling));
  }

  close(): void {
    this.#child.kill('SIGKILL');
  }
}

function settings({
  delayMs = 0,
  jitterMs = 0,
  loss = 0,
  duplicate = 0,
  reorder = 0,
  corrupt = 0,
}: Mangling): Buffer {
  const numbers = [
    delayMs * 1000,
    jitterMs * 1000,
    ...[loss, duplicate, reorder, corrupt].map((chance) => chance * 1e6),
  ];
  const bytes = Buffer.alloc(numbers.length * 4);
  for (const [at, number] of numbers.entries()) bytes.writeUInt32LE(Math.round(number), at * 4);
  return bytes;
}
