export type { PyletContext } from './pylet/context.ts';
export { pyletNotFound, registerPylet } from './pylet/register.ts';
export { registerSkypilot } from './skypilot/register.ts';
