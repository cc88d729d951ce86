export * from './fake-machine.ts';
export * from './memory-blobs.ts';
export * from './memory-store.ts';
export * from './seeded-random.ts';
export * from './sim-herd.ts';
export * from './store-contract.ts';
export * from './virtual-clock.ts';
