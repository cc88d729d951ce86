/** The operating-system layer of the worker: processes, cgroups, devices, ports, logs, and files that survive a kill. */
export { DamagedFile, readChecked, readIfThere, writeAtomic, writeChecked } from './atomic.ts';
export { type Capacity, detectCapacity, detectHost } from './capacity.ts';
export {
  createMachine,
  type MachineOptions,
  type OsWorkerMachine,
  protectFromOutOfMemory,
} from './create.ts';
export { detectGpus, type Gpu, parseGpuFlag } from './devices.ts';
export { acquireLock, type Lock, LockHeld } from './lock.ts';
export { bootId } from './process.ts';
