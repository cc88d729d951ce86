export * from './memory-blobs.ts';
export * from './memory-store.ts';
export * from './store-contract.ts';
