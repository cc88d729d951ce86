export { type PyletContext, pyletNotFound, registerPylet } from './pylet/register.ts';
