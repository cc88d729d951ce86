export { ensurePrivateDir } from './store/state-dir.ts';
export { type Head, type HeadOptions, startHead } from './wiring.ts';
