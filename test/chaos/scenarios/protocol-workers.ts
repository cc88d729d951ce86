/** Many workers that only speak the protocol: they say hello, ping, dial again with back-off, and are given no work. */
import { randomBytes, randomUUID } from 'node:crypto';
import { connect, type Socket } from 'node:net';

const REDIAL_MS = { first: 50, most: 5_000 } as const;
const PING_MS = 500;
/** Never wanted for anything. */
const OFFER = { cpu: 0, memoryMiB: 0, diskMiB: 0, gpus: 0, ports: 0 };

export interface Many {
  readonly url: string;
  readonly joinToken: string;
  readonly count: number;
}

/** @returns the way to end them all */
export async function joinMany({ url, joinToken, count }: Many): Promise<{ close(): void }> {
  const workers = await Promise.all(
    Array.from({ length: count }, async (_, at) => {
      const reply = await fetch(`${url}/v1/join`, {
        method: 'POST',
        headers: { authorization: `Bearer ${joinToken}`, 'content-type': 'application/json' },
        body: JSON.stringify({ workerId: randomUUID(), name: `many-${at}` }),
      });
      const { token, herd } = (await reply.json()) as { token: string; herd: string };
      return new ProtocolWorker(url, token, herd);
    }),
  );
  return {
    close() {
      for (const worker of workers) worker.close();
    },
  };
}

/** A WebSocket client of its own: a few lines, and no dependency of the root. */
class ProtocolWorker {
  readonly #url: URL;
  readonly #token: string;
  readonly #herd: string;
  readonly #session = randomUUID();
  #socket: Socket | null = null;
  #timer: NodeJS.Timeout | null = null;
  #waitMs: number = REDIAL_MS.first;
  #closed = false;

  constructor(url: string, token: string, herd: string) {
    this.#url = new URL(url);
    this.#token = token;
    this.#herd = herd;
    this.#dial();
  }

  close(): void {
    this.#closed = true;
    if (this.#timer) clearTimeout(this.#timer);
    this.#socket?.destroy();
  }

  #dial(): void {
    const socket = connect(Number(this.#url.port), this.#url.hostname);
    this.#socket = socket;
    socket.write(
      `GET /v1/link HTTP/1.1\r\nHost: ${this.#url.host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n` +
        `Authorization: Bearer ${this.#token}\r\n\r\n`,
    );
    let seen = '';
    socket.on('data', (chunk) => {
      // Frames of a server are not masked: their JSON can be looked for.
      const before = seen.length;
      seen = (seen + chunk.toString('latin1')).slice(-4_096);
      if (before === 0 && seen.startsWith('HTTP/1.1 101')) this.#hello();
      if (seen.includes('"welcome"')) {
        this.#waitMs = REDIAL_MS.first;
        if (seen.includes('"sendInventory":true')) this.#send([{ type: 'inventory', items: [] }]);
        seen = ' ';
        this.#ping();
      }
    });
    socket.on('error', () => undefined);
    socket.on('close', () => this.#again());
  }

  #again(): void {
    if (this.#timer) clearTimeout(this.#timer);
    if (this.#closed) return;
    this.#timer = setTimeout(() => this.#dial(), this.#waitMs * (0.5 + Math.random()));
    this.#waitMs = Math.min(this.#waitMs * 2, REDIAL_MS.most);
  }

  #hello(): void {
    const none = {
      host: 'nowhere',
      hostname: 'nowhere',
      physical: OFFER,
      schedulable: OFFER,
      gpus: [],
      version: 'chaos',
    };
    const supervision = { shim: 'sh', cgroup: 'none', memoryEnforced: false, notes: [] };
    this.#send([
      {
        type: 'hello',
        protocol: 1,
        session: this.#session,
        bootId: 'chaos',
        offer: { ...none, supervision },
        digest: 0,
        wallMs: Date.now(),
      },
    ]);
  }

  #ping(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#send([{ type: 'ping', sentMs: performance.now() }]);
      this.#ping();
    }, PING_MS);
  }

  #send(frames: readonly object[]): void {
    const text = Buffer.from(JSON.stringify({ herd: this.#herd, epoch: 0, frames }));
    const mask = randomBytes(4);
    const masked = Buffer.from(text.map((byte, at) => byte ^ (mask[at % 4] ?? 0)));
    const length =
      text.length < 126 ? [0x80 | text.length] : [0x80 | 126, text.length >> 8, text.length & 0xff];
    this.#socket?.write(Buffer.concat([Buffer.from([0x81, ...length]), mask, masked]));
  }
}
