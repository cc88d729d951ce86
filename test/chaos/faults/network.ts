/** Faults of the network, each on the link of a worker. */
import { TIMING } from '../harness/herd.ts';
import type { Direction } from '../harness/network.ts';
import type { Mangling } from '../harness/relay.ts';
import { pause } from '../harness/shell.ts';
import { active, type Fault, takeWorker } from './fault.ts';

const LONG_MS = TIMING.offlineMs + 3_000;

/** Packets vanish in one direction or both; nobody is told (a black hole, when it lasts). */
function partition(
  name: string,
  weight: number,
  direction: Direction,
  mostMs: number,
  probability = 1,
): Fault {
  return {
    name,
    weight,
    mostMs,
    async inject(scene, random) {
      const worker = takeWorker(scene, random);
      if (!worker) return null;
      await scene.herd.network.drop(worker.name, direction, probability);
      return active(scene, [worker.name], () => scene.herd.network.heal(worker.name));
    },
  };
}

const rejected: Fault = {
  name: 'net.reset',
  weight: 1,
  mostMs: 4_000,
  async inject(scene, random) {
    const worker = takeWorker(scene, random);
    if (!worker) return null;
    await scene.herd.network.reject(worker.name);
    return active(scene, [worker.name], () => scene.herd.network.heal(worker.name));
  },
};

const unplugged: Fault = {
  name: 'net.unplug',
  weight: 1,
  mostMs: LONG_MS,
  async inject(scene, random) {
    const worker = takeWorker(scene, random);
    if (!worker) return null;
    await scene.herd.network.link(worker.name, false);
    return active(scene, [worker.name], () => scene.herd.network.heal(worker.name));
  },
};

/** The link goes every 3 s, for 1.5 s, until it is healed. */
const flapping: Fault = {
  name: 'net.flap',
  weight: 0.7,
  mostMs: 12_000,
  async inject(scene, random) {
    const worker = takeWorker(scene, random);
    if (!worker) return null;
    const stop = new AbortController();
    const flap = async (): Promise<void> => {
      for (let up = false; !stop.signal.aborted; up = !up) {
        await scene.herd.network.link(worker.name, up);
        await pause(1_500);
      }
    };
    const flaps = flap();
    return active(scene, [worker.name], async () => {
      stop.abort();
      await flaps;
      await scene.herd.network.heal(worker.name);
    });
  },
};

/** All workers, clogged one by one, and unclogged in another order (FoundationDB). */
const swizzle: Fault = {
  name: 'net.swizzle',
  weight: 0.7,
  mostMs: 6_000,
  async inject(scene, random) {
    const taken: string[] = [];
    for (let worker = takeWorker(scene, random); worker; worker = takeWorker(scene, random)) {
      taken.push(worker.name);
      await scene.herd.network.drop(worker.name, 'both');
      await pause(random.int(800));
    }
    if (taken.length === 0) return null;
    const back = [...taken].sort(() => random.float() - 0.5);
    return active(scene, taken, async () => {
      for (const name of back) {
        await scene.herd.network.heal(name);
        await pause(random.int(800));
      }
    });
  },
};

/** On a worker whose link is the relay of frames. */
function mangled(name: string, weight: number, mangling: Mangling): Fault {
  return {
    name,
    weight,
    mostMs: 10_000,
    async inject(scene, random) {
      const worker = takeWorker(scene, random, (each) => each.relay !== null);
      if (!worker) return null;
      worker.relay?.set(mangling);
      return active(scene, [worker.name], () => worker.relay?.set({}));
    },
  };
}

/** On a worker that dials through the TCP proxy: there a wrong bit gets past the checksums of TCP. */
const corrupted: Fault = {
  name: 'net.corrupt',
  weight: 1.5,
  mostMs: 8_000,
  async inject(scene, random) {
    const worker = takeWorker(scene, random, (each) => each.proxy !== null);
    if (!worker?.proxy) return null;
    worker.proxy.faults = { ...worker.proxy.faults, corruption: 0.2 };
    return active(scene, [worker.name], () => {
      // What is wrong in an open connection is wrong for good: that has to be found out by the programs.
      worker.proxy?.heal();
    });
  },
};

const frozen: Fault = {
  name: 'net.freeze',
  weight: 0.7,
  mostMs: LONG_MS,
  async inject(scene, random) {
    const worker = takeWorker(scene, random, (each) => each.proxy !== null);
    if (!worker?.proxy) return null;
    worker.proxy.faults.isFrozen = true;
    return active(scene, [worker.name], () => worker.proxy?.heal());
  },
};

const cut: Fault = {
  name: 'net.cut',
  weight: 1,
  mostMs: 2_000,
  async inject(scene, random) {
    const worker = takeWorker(scene, random, (each) => each.proxy !== null);
    if (!worker?.proxy) return null;
    worker.proxy.faults.refuses = true;
    worker.proxy.cut();
    return active(scene, [worker.name], () => worker.proxy?.heal());
  },
};

export const networkFaults: readonly Fault[] = [
  partition('net.partition.short', 2, 'both', TIMING.leaseMs * 0.8),
  partition('net.blackhole', 1, 'both', LONG_MS),
  partition('net.oneway.in', 1, 'in', LONG_MS),
  partition('net.oneway.out', 1, 'out', LONG_MS),
  partition('net.loss30', 1, 'both', 8_000, 0.3),
  rejected,
  unplugged,
  flapping,
  swizzle,
  mangled('net.delay500', 1, { delayMs: 250, jitterMs: 25 }),
  mangled('net.reorder', 1, { delayMs: 20, jitterMs: 20, reorder: 0.25, duplicate: 0.1, loss: 0.02 }),
  mangled('net.badframes', 0.7, { corrupt: 0.1 }),
  corrupted,
  frozen,
  cut,
];
