/** The wire forms of machines and infra. Only these make them. */
import { isoStamp } from '@drover/core';
import type { InfraView, MachineView } from '@drover/core/wire';
import type { InfraState } from '../infra/infra-service.ts';
import type { MachineRow } from './row.ts';

const HOUR_MS = 3_600_000;

export function viewMachine(row: MachineRow, nowMs: number): MachineView {
  const { id, name, project, status, desired, reason, failure, owner, infra, type, region, zone, spot } = row;
  return {
    id,
    name,
    project,
    status,
    desired,
    reason,
    failure,
    since: isoStamp(row.sinceMs),
    owner,
    infra,
    type,
    region,
    zone,
    spot,
    pricePerHour: row.pricePerHour,
    cost: costOf(row, nowMs),
    tag: row.tag,
    providerId: row.providerId,
    address: row.address,
    worker: row.workerId,
    requestedBy: row.requestedBy,
    createdAt: isoStamp(row.createdMs),
  };
}

/** US dollars for the time in which it ran, until the provider had no trace of it. What a stopped one costs is not known. */
function costOf(row: MachineRow, nowMs: number): number {
  const nowRunning = row.billedFromMs === null ? 0 : (row.billedToMs ?? nowMs) - row.billedFromMs;
  const hours = (row.billedBeforeMs + Math.max(0, nowRunning)) / HOUR_MS;
  return Math.round(hours * row.pricePerHour * 1e6) / 1e6;
}

export function viewInfra(state: InfraState): InfraView {
  const existing = state.machines.filter((row) => row.mayExist || row.status === 'WANTED');
  return {
    name: state.infra,
    sharing: state.sharing,
    features: { ...state.features },
    enabled: state.isEnabled,
    reason: state.reason,
    up: state.isUp,
    types: state.types.map((type) => ({ ...type })),
    workers: state.workers,
    machines: existing.length,
    costPerHour: existing
      .filter((row) => row.billedFromMs !== null && row.billedToMs === null)
      .reduce((sum, row) => sum + row.pricePerHour, 0),
    unknownMachines: state.unknown.map(({ tag, id, status }) => ({ tag, id, status })),
  };
}
