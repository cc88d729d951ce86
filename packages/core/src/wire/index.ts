export * from './fields.ts';
export * from './head.ts';
export * from './instance.ts';
export * from './link.ts';
export * from './task.ts';
export * from './worker.ts';
