/** Faults that clients bring: readers that do not read, connections that do not speak, replies that are lost. */
import { connect, type Socket } from 'node:net';
import { usageOf } from '../harness/processes.ts';
import { pause } from '../harness/shell.ts';
import { type Active, type Fault, OVER, type Scene } from './fault.ts';

const CONNECTIONS = 200;
/** By how much the head may grow for them. */
const GROWTH_MIB = 120;

function openSockets(scene: Scene, count: number): Socket[] {
  const { hostname, port } = new URL(scene.herd.url);
  return Array.from({ length: count }, () => {
    const socket = connect(Number(port), hostname);
    socket.on('error', () => undefined);
    return socket;
  });
}

function ended(sockets: readonly Socket[], check: () => void = () => undefined): Active {
  return {
    hits: [],
    async heal() {
      check();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Follows a log and never reads: it may cost the head a bounded buffer and nobody else anything. */
const slowReader: Fault = {
  name: 'client.slowreader',
  weight: 1,
  mostMs: 10_000,
  async inject(scene, random) {
    const ids = [...scene.herd.workers.keys()].flatMap((worker) => scene.running(worker));
    if (ids.length === 0) return null;
    const before = usageOf(scene.herd.head.program?.pid ?? 0);
    const sockets = openSockets(scene, 5);
    for (const socket of sockets) {
      socket.pause();
      socket.write(
        `GET /v1/instances/${random.pick(ids)}/logs?follow=true HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${scene.herd.token}\r\n\r\n`,
      );
    }
    return ended(sockets, () => {
      const after = usageOf(scene.herd.head.program?.pid ?? 0);
      if (!before || !after) return;
      scene.checked('anytime_slowReaderBounded');
      if (after.rssMiB - before.rssMiB > GROWTH_MIB)
        scene.problem(
          'anytime_slowReaderBounded',
          `the head grew by ${Math.round(after.rssMiB - before.rssMiB)} MiB`,
        );
    });
  },
};

/** Headers that never come to their end. */
const slowLoris: Fault = {
  name: 'client.slowloris',
  weight: 0.7,
  mostMs: 8_000,
  async inject(scene) {
    const sockets = openSockets(scene, CONNECTIONS);
    for (const socket of sockets) socket.write('GET /v1/instances HTTP/1.1\r\nHost: localhost\r\nX-Slow: ');
    const drip = setInterval(() => {
      for (const socket of sockets) if (socket.writable) socket.write('x');
    }, 500);
    const all = ended(sockets);
    return {
      hits: [],
      async heal() {
        clearInterval(drip);
        await all.heal();
      },
    };
  },
};

/** The head has done it, and its reply is lost: the same key must give the same instance. */
const lostReply: Fault = {
  name: 'client.lostreply',
  weight: 2,
  mostMs: 0,
  async inject(scene, random) {
    if (scene.busy.has('head')) return null;
    const proxy = await scene.herd.clientProxy();
    proxy.faults.losesReplies = 1 + random.int(2);
    try {
      const client = scene.herd.client(20_000, `http://${scene.herd.network.hubAddress}:${proxy.port}`);
      const nonce = `lost-${random.uuid()}`;
      const body = {
        command: scene.workloadCommand(nonce, 1),
        labels: { nonce, probe: 'yes' },
        resources: { cpu: 0.1, memoryMiB: 64 },
      };
      const first = await client.instances.submit(body, { idempotencyKey: nonce });
      const second = await client.instances.submit(body, { idempotencyKey: nonce });
      const { items } = await client.instances.page({ labels: { nonce } });
      scene.checked('anytime_sameKeySameInstance');
      if (first.id !== second.id || items.length !== 1)
        scene.problem(
          'anytime_sameKeySameInstance',
          `${nonce}: ${first.id}, ${second.id}, ${items.length} with its label`,
        );
    } catch (error) {
      // The head may be taken away by another fault meanwhile.
      scene.journal.write('lost reply not seen to its end', { error: String(error) });
    } finally {
      await proxy.close();
      await pause(0);
    }
    return OVER;
  },
};

export const clientFaults: readonly Fault[] = [slowReader, slowLoris, lostReply];
