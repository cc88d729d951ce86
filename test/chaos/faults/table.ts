/** All faults, each with how often it is expected in two minutes. */
import { clientFaults } from './clients.ts';
import type { Fault } from './fault.ts';
import { networkFaults } from './network.ts';
import { processFaults } from './processes.ts';
import { resourceFaults } from './resources.ts';

export const FAULTS: readonly Fault[] = [
  ...processFaults,
  ...networkFaults,
  ...resourceFaults,
  ...clientFaults,
];
