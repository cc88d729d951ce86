/** Faults of disks and clocks. */
import { active, type Fault, takeHead, takeWorker } from './fault.ts';

const headDisk: Fault = {
  name: 'disk.head',
  weight: 0.7,
  mostMs: 5_000,
  async inject(scene) {
    if (!takeHead(scene)) return null;
    const { disk } = scene.herd.head;
    disk.fill();
    return active(scene, ['head'], () => disk.empty());
  },
};

const workerDisk: Fault = {
  name: 'disk.worker',
  weight: 1,
  mostMs: 6_000,
  async inject(scene, random) {
    const worker = takeWorker(scene, random);
    if (!worker) return null;
    scene.fullDisks.add(worker.name);
    worker.disk.fill();
    return active(scene, [worker.name], () => worker.disk.empty());
  },
};

const HOUR_MS = 3_600_000;

const headClock: Fault = {
  name: 'clock.head',
  weight: 0.7,
  mostMs: 8_000,
  async inject(scene, random) {
    const { clock } = scene.herd.head;
    if (clock === null || !takeHead(scene)) return null;
    clock.set(random.pick([HOUR_MS, -HOUR_MS, 5 * 60_000]));
    return active(scene, ['head'], () => clock.set(0));
  },
};

const workerClock: Fault = {
  name: 'clock.worker',
  weight: 1,
  mostMs: 8_000,
  async inject(scene, random) {
    const worker = takeWorker(scene, random, (each) => each.clock !== null);
    if (!worker) return null;
    worker.clock?.set(random.pick([HOUR_MS, -HOUR_MS, 5 * 60_000, -5 * 60_000]));
    return active(scene, [worker.name], () => worker.clock?.set(0));
  },
};

export const resourceFaults: readonly Fault[] = [headDisk, workerDisk, headClock, workerClock];
