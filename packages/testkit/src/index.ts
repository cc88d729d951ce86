export * from './fake-machine.ts';
export * from './faulty-proxy.ts';
export * from './memory-blobs.ts';
export * from './memory-store.ts';
export * from './seeded-random.ts';
export * from './sim-herd.ts';
export { GOOD_NET, type NetConditions } from './sim-link.ts';
export * from './store-contract.ts';
export * from './virtual-clock.ts';
