export { Agent, type AgentOptions } from './agent.ts';
export * from './ports.ts';
export { isHeadMessage, isStartOrder, LINK_CLOSE, LINK_MESSAGE_BYTES } from './protocol.ts';
export { Stopper } from './stopper.ts';
export { isSystemPath, MOUNTS, OLD_WORKDIR, type Place, planPlaces, refused, WORKDIR } from './targets.ts';
