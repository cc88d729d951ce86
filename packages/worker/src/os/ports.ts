/**
 * Ports for instances, in slices of 100 outside the ephemeral range, as many slices as are needed. A worker holds a
 * slice by listening on its first port on loopback: nobody else in this network namespace, whichever user, can listen
 * there then, and it ends with the process. The first slice is drawn from the worker's id, so that a worker that comes
 * back finds its own, and others look elsewhere meanwhile.
 */
import { createServer, type Server } from 'node:net';
import { hash53 } from '@drover/core';
import { LaunchError } from '../agent/ports.ts';
import { readIfThere } from './atomic.ts';

const SLICE = 100;
const LOWEST = 10_000;
/** How long a port that was really bound is not given again: clients may still hold connections to it. */
const REST_MS = 60_000;

/** The first ports of all slices that lie wholly outside the ephemeral range. */
export function slicesOutside(ephemeral: { first: number; last: number }): number[] {
  const slices: number[] = [];
  for (let base = LOWEST; base + SLICE <= 65_536; base += SLICE) {
    if (base + SLICE - 1 < ephemeral.first || base > ephemeral.last) slices.push(base);
  }
  return slices;
}

/** The range from which the kernel takes ports for outgoing connections. */
export function ephemeralRange(): { first: number; last: number } {
  const [first, last] = (readIfThere('/proc/sys/net/ipv4/ip_local_port_range') ?? '')
    .trim()
    .split(/\s+/)
    .map(Number);
  return first !== undefined && last !== undefined && last > first
    ? { first, last }
    : { first: 32_768, last: 60_999 };
}

/** Listens and resolves to the server, or to null when somebody else has the port. */
function listen(port: number, host: string): Promise<Server | null> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', () => resolve(null));
    server.listen({ port, host, exclusive: true, backlog: 1 }, () => {
      server.unref();
      resolve(server);
    });
  });
}

/** True when the port can be bound now on all addresses, which a listener on any one of them prevents. */
export async function isBindable(port: number): Promise<boolean> {
  const server = await listen(port, '0.0.0.0');
  server?.close();
  return server !== null;
}

export class PortPool {
  private readonly slices: readonly number[];
  private readonly held = new Map<number, Server>();
  private readonly busy = new Set<number>();
  /** Least recently used first. */
  private free: number[] = [];
  private resting: { port: number; untilMs: number }[] = [];
  private readonly monoMs: () => number;
  private growing: Promise<boolean> | null = null;
  private next = 0;

  constructor(
    workerId: string,
    monoMs: () => number,
    slices: readonly number[] = slicesOutside(ephemeralRange()),
  ) {
    const usable = slices.length > 0 ? slices : slicesOutside({ first: 0, last: 0 });
    const start = hash53(workerId) % usable.length;
    this.slices = [...usable.slice(start), ...usable.slice(0, start)];
    this.monoMs = monoMs;
  }

  /** Marks a port as used by an attempt that was found, and holds its slice if nobody else does. */
  async adopt(port: number): Promise<void> {
    this.busy.add(port);
    this.free = this.free.filter((other) => other !== port);
    const base = port - (port % SLICE);
    if (!this.held.has(base) && this.slices.includes(base)) await this.hold(base);
  }

  /** A port that is free now. @throws {LaunchError} */
  async take(): Promise<number> {
    for (;;) {
      this.wake();
      // Those that fail the test go to the end: whoever has them may leave.
      for (let tries = this.free.length; tries > 0; tries--) {
        const port = this.free.shift();
        if (port === undefined) break;
        this.busy.add(port);
        if (await isBindable(port)) return port;
        this.busy.delete(port);
        this.free.push(port);
      }
      this.growing ??= this.grow().finally(() => {
        this.growing = null;
      });
      if (!(await this.growing))
        throw new LaunchError('NO_PORT', 'no free port: every slice of ports is taken');
    }
  }

  /** Gives a port back: at once, or after a rest when it was really bound. Unknown ports are ignored. */
  giveBack(port: number, wasBound: boolean): void {
    if (!this.busy.delete(port) || !this.held.has(port - (port % SLICE))) return;
    if (wasBound) this.resting.push({ port, untilMs: this.monoMs() + REST_MS });
    else this.free.push(port);
  }

  close(): void {
    for (const server of this.held.values()) server.close();
    this.held.clear();
    this.free = [];
  }

  private wake(): void {
    const now = this.monoMs();
    while (this.resting[0] !== undefined && this.resting[0].untilMs <= now) {
      const rested = this.resting.shift();
      if (rested !== undefined) this.free.push(rested.port);
    }
  }

  private async grow(): Promise<boolean> {
    while (this.next < this.slices.length) {
      const base = this.slices[this.next++];
      if (base !== undefined && !this.held.has(base) && (await this.hold(base))) return true;
    }
    // From the beginning again next time: another worker may have left.
    this.next = 0;
    return false;
  }

  private async hold(base: number): Promise<boolean> {
    const server = await listen(base, '127.0.0.1');
    if (server === null) return false;
    this.held.set(base, server);
    for (let port = base + 1; port < base + SLICE; port++) if (!this.busy.has(port)) this.free.push(port);
    return true;
  }
}
