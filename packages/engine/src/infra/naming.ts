/** Names that infra goes by: its row, its types, its troubles. */
import type { Reason } from '@drover/core/wire';
import type { ProviderPort } from '../ports.ts';
import type { MachineType } from './machine-type.ts';

/** The row that says whether the machines of a shared infra are wanted. */
export const metaId = (infra: string): string => `infra/${infra}`;

/** The name that the type will have when its worker is there, see `typeOfOffer`. */
export function nameOfType({ cpus, memoryMiB, accelerators }: MachineType): string {
  const base = `${cpus}CPU-${Math.floor(memoryMiB / 1024)}GB`;
  return accelerators ? `${base}-${accelerators.name}:${accelerators.count}` : base;
}

/** What is wrong with parts of an infra that works. */
export function partial(provider: ProviderPort | undefined): Reason | null {
  const problems = provider?.problems?.() ?? [];
  return problems.length === 0 ? null : { code: 'PARTIAL', message: problems.join('; ') };
}
