export { type Head, type HeadOptions, startHead } from './wiring.ts';
