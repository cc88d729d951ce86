/** A worker's end of a link, played by hand: for tests that send what no worker sends. */
import { crc32 } from 'node:zlib';
import { sealMessage } from '@drover/core';
import { LINK_PROTOCOL } from '@drover/core/wire';
import WebSocket from 'ws';
import type { TestHead } from './test-head.ts';

/** For tests outside this package that open one by themselves. */
export { WebSocket };

const resources = { cpu: 100, memoryMiB: 100_000, diskMiB: 100_000, gpus: 0, ports: 1_000 };
const offer = {
  host: '127.0.0.1',
  hostname: 'x',
  physical: resources,
  schedulable: resources,
  gpus: [],
  supervision: { shim: 'sh', cgroup: 'none', memoryEnforced: false, notes: [] },
  version: 'x',
  homes: true,
};

interface Heard {
  readonly frames: readonly { readonly type: string; readonly [key: string]: unknown }[];
}

export class LinkClient {
  readonly ws: WebSocket;
  readonly herd: string;
  /** The identity of this worker. */
  readonly token: string;
  readonly heard: Heard['frames'][number][] = [];
  /** The close code and reason, once it is closed. */
  readonly closed: Promise<[code: number, reason: string]>;
  #wake: () => void = () => undefined;
  #sent = 0;

  private constructor(ws: WebSocket, herd: string, token: string) {
    this.ws = ws;
    this.herd = herd;
    this.token = token;
    ws.on('message', (data) => {
      this.heard.push(...(JSON.parse(String(data)) as Heard).frames);
      this.#wake();
    });
    this.closed = new Promise((resolve) =>
      ws.once('close', (code, reason) => resolve([code, String(reason)])),
    );
  }

  static async open(head: TestHead): Promise<LinkClient> {
    const { token } = (await head.call('POST', '/v1/join-tokens', {})).json;
    const body = { workerId: crypto.randomUUID() };
    const joined = await head.call('POST', '/v1/join', body, { authorization: `Bearer ${token}` });
    const headers = { authorization: `Bearer ${joined.json.token}` };
    const ws = new WebSocket(`${head.url.replace('http', 'ws')}/v1/link`, { headers });
    await new Promise((resolve, reject) => ws.once('open', resolve).once('error', reject));
    return new LinkClient(ws, joined.json.herd, joined.json.token);
  }

  /** Says hello, and that nothing runs here: from then on instances are placed on it. */
  async greet(): Promise<void> {
    this.send([this.hello({ protocol: LINK_PROTOCOL })]);
    await this.next('welcome');
    this.send([{ type: 'inventory', items: [] }]);
  }

  /** A job that lays out this tree has been sent to this worker, which may read it from then on. */
  async layOut(head: TestHead, tree: string): Promise<void> {
    this.send([{ type: 'ping', sentMs: Date.now() }]);
    const choices = [{ cpus: { amount: 0.1, atLeast: true } }];
    const task = { workdir: tree, run: 'true', resources: { choices } };
    const launched = await head.call('POST', '/v1/clusters/launch', { task, retryUntilUp: true });
    if (launched.status !== 202) throw new Error(launched.text);
    await this.until((frame) => frame.type === 'start' && JSON.stringify(frame).includes(tree));
  }

  hello(speaks: { protocol: number; oldest?: number }): object {
    const session = crypto.randomUUID();
    return { type: 'hello', ...speaks, session, bootId: 'b', offer, digest: 0, wallMs: Date.now() };
  }

  /** As protocol 1 did: without number and seal. */
  sendBare(...frames: object[]): void {
    this.ws.send(JSON.stringify({ herd: this.herd, epoch: 0, frames }));
  }

  /** @param n the message's number; the next one when nothing is said */
  send(frames: object[], n = this.#sent + 1): void {
    this.#sent = n;
    this.ws.send(sealMessage(JSON.stringify({ n, herd: this.herd, epoch: 0, rev: 0, frames }), crc32));
  }

  /** Waits for a frame of this type. */
  next(type: string): Promise<Heard['frames'][number]> {
    return this.until((frame) => frame.type === type);
  }

  /** Waits for a frame that is meant. */
  async until(isMeant: (frame: Heard['frames'][number]) => boolean): Promise<Heard['frames'][number]> {
    for (;;) {
      const found = this.heard.find(isMeant);
      if (found) return found;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
