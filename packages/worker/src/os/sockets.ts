/** The TCP ports in use in this network namespace, from /proc/net/tcp and /proc/net/tcp6. */
import { readIfThere } from './atomic.ts';

export interface PortsInUse {
  /** Somebody accepts connections on it. */
  readonly listening: ReadonlySet<number>;
  /** It is the local port of some socket in any state, TIME_WAIT included. */
  readonly any: ReadonlySet<number>;
}

const LISTEN = '0A';

/** Reads both tables at once: some 30 microseconds and a little per socket. */
export function readPorts(): PortsInUse {
  const listening = new Set<number>();
  const any = new Set<number>();
  for (const file of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of (readIfThere(file) ?? '').split('\n')) {
      // "  0: 0100007F:1F90 00000000:0000 0A ..."
      const [, local, , state] = line.trim().split(/ +/, 4);
      const port = local === undefined ? 0 : Number.parseInt(local.slice(local.lastIndexOf(':') + 1), 16);
      if (!(port > 0) || state === undefined) continue;
      any.add(port);
      if (state === LISTEN) listening.add(port);
    }
  }
  return { listening, any };
}

/** Reads the ports again only when the last reading is older than `maxAgeMs`. */
export class PortsReader {
  private last: { atMs: number; ports: PortsInUse } | null = null;
  private readonly monoMs: () => number;
  constructor(monoMs: () => number) {
    this.monoMs = monoMs;
  }
  read(maxAgeMs: number): PortsInUse {
    const now = this.monoMs();
    if (this.last === null || now - this.last.atMs > maxAgeMs) this.last = { atMs: now, ports: readPorts() };
    return this.last.ports;
  }
}
