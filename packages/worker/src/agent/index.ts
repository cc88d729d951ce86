export { Agent, type AgentOptions } from './agent.ts';
export * from './ports.ts';
