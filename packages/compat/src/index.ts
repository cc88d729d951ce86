export type { ChangesIn } from './access.ts';
export type { PyletContext } from './pylet/context.ts';
export { pyletNotFound, registerPylet } from './pylet/register.ts';
export { registerSkypilot, skypilotNotFound } from './skypilot/register.ts';
