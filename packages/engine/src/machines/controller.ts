/** Controller: brings each machine a step closer to what is wanted of it, from its row alone. */
import { isFinal } from '@drover/core';
import { SYSTEM } from '../actor.ts';
import type { InstancesByWorker } from '../instances/index-by-worker.ts';
import type { InstanceService } from '../instances/service.ts';
import type { Ports } from '../ports.ts';
import type { Controller } from '../reconcile/reconciler.ts';
import type { InstanceRow, WorkerRow } from '../state/rows.ts';
import type { State } from '../state/state.ts';
import type { Transaction } from '../state/transaction.ts';
import type { WorkerService } from '../workers/service.ts';
import type { MachineEffects } from './effects.ts';
import { moveMachine } from './move.ts';
import { type MachineStep, planMachine, type Seen } from './plan.ts';
import type { MachineRow } from './row.ts';
import { failMachine } from './service.ts';
import type { MachineTiming } from './timing.ts';

export interface MachineContext {
  readonly state: State;
  readonly ports: Ports;
  readonly timing: MachineTiming;
  readonly effects: MachineEffects;
  readonly workers: WorkerService;
  readonly instances: InstanceService;
  readonly byWorker: InstancesByWorker;
}

export function machineController(context: MachineContext): Controller {
  const { state, ports, timing, effects } = context;
  const { tables } = state;
  return {
    name: 'machines',
    watches: ({ collection, before, after }) => {
      if (collection === 'machines') return after ? [after.id] : [];
      if (collection === 'workers') {
        const machine = (after as WorkerRow | undefined)?.machine;
        return machine ? [machine] : [];
      }
      if (collection !== 'instances') return [];
      // What runs there may be the last that a stop waits for.
      const instance = (after ?? before) as InstanceRow | undefined;
      const worker = instance?.workerId ? tables.workers.get(instance.workerId) : undefined;
      return worker?.machine && worker.draining ? [worker.machine] : [];
    },
    *all() {
      for (const row of tables.machines.all()) if (row.status !== 'GONE') yield row.id;
    },
    reconcile(id) {
      const row = tables.machines.get(id);
      if (!row) return undefined;
      const step = planMachine(row, see(context, row), timing);
      if (step.do === 'nothing') return step.againMs ?? undefined;
      if (step.do === 'drain') return drain(context, row);
      if (step.do === 'effect') {
        effects.begin(row, step.effect);
        return undefined;
      }
      effects.forget(id);
      const now = ports.clock.wallMs();
      state.transact(SYSTEM, (tx) => applyStep(context, tx, row, step, now));
      return undefined;
    },
  };
}

function see({ state, ports, effects, byWorker }: MachineContext, row: MachineRow): Seen {
  const provider = ports.providers?.get(row.infra);
  const worker = row.workerId === null ? undefined : state.tables.workers.get(row.workerId);
  return {
    nowMs: ports.clock.wallMs(),
    provider: provider ? { canStop: provider.features.stop } : null,
    isBusy: effects.isBusy(row),
    pauseMs: effects.pauseMs(row.id),
    isOnline: worker?.status === 'ONLINE',
    isDrained: worker?.status !== 'ONLINE' || byWorker.of(worker.id).size === 0,
  };
}

type Applied = Exclude<MachineStep, { do: 'nothing' | 'drain' | 'effect' }>;

function applyStep(
  context: MachineContext,
  tx: Transaction,
  row: MachineRow,
  step: Applied,
  nowMs: number,
): void {
  const { timing } = context;
  switch (step.do) {
    case 'begin':
      moveMachine(tx, row, 'begin', nowMs, { deadlineMs: nowMs + timing.createMs });
      return;
    case 'join':
      setDraining(tx, row, false);
      moveMachine(tx, row, 'join', nowMs, {
        deadlineMs: null,
        mayExist: true,
        billedFromMs: row.billedFromMs ?? nowMs,
      });
      return;
    case 'halt':
      setDraining(tx, row, true);
      moveMachine(tx, row, 'halt', nowMs, { deadlineMs: nowMs + timing.alertMs });
      return;
    case 'start':
      moveMachine(tx, row, 'start', nowMs, { deadlineMs: nowMs + timing.joinMs });
      return;
    case 'terminate':
      setDraining(tx, row, true);
      // Why it had failed stays visible in `failure`.
      moveMachine(tx, row, 'terminate', nowMs, { deadlineMs: nowMs + timing.alertMs });
      return;
    case 'vanish':
      goneMachine(context, tx, row, nowMs);
      return;
    case 'fail':
      setDraining(tx, row, true);
      failMachine(tx, row, nowMs, { code: step.code, message: step.message }, step.mayExist);
      return;
    case 'alert': {
      const what = row.status === 'STOPPING' ? 'stopped' : 'removed';
      const said = row.reason === null ? '' : `: ${row.reason.message}`;
      const reason = {
        code: 'OVERDUE',
        message: `${row.infra} has still not ${what} it, and it may still cost${said}`,
      };
      tx.put('machines', { ...row, alertedMs: nowMs, reason });
      tx.event({
        noun: 'machines',
        subject: row.id,
        name: row.name,
        type: 'alert',
        from: row.status,
        to: row.status,
        reason,
      });
    }
  }
}

/** Nothing of it exists any more: its worker will not come back. */
export function goneMachine(
  { workers }: Pick<MachineContext, 'workers'>,
  tx: Transaction,
  row: MachineRow,
  nowMs: number,
): void {
  const billedToMs = row.billedFromMs === null ? null : (row.billedToMs ?? nowMs);
  if (row.workerId !== null)
    workers.retireIn(tx, row.workerId, { code: 'MACHINE_GONE', message: `its machine is gone` });
  for (const token of tx.ownedBy('joinTokens', `machines/${row.id}`)) tx.delete('joinTokens', token.id);
  if (row.status === 'FAILED' && row.desired !== 'GONE')
    tx.put('machines', { ...row, mayExist: false, billedToMs, deadlineMs: null, alertedMs: null });
  else moveMachine(tx, row, 'vanish', nowMs, { mayExist: false, billedToMs, reason: row.failure });
}

function setDraining(tx: Transaction, row: MachineRow, draining: boolean): void {
  const worker = row.workerId === null ? undefined : tx.get('workers', row.workerId);
  if (worker && worker.draining !== draining) tx.put('workers', { ...worker, draining });
}

/** Asks what runs there to end. @returns when the wait is over at the latest. */
function drain({ state, ports, timing, instances, byWorker }: MachineContext, row: MachineRow): number {
  if (row.workerId !== null)
    for (const id of [...byWorker.of(row.workerId)]) {
      const instance = state.tables.instances.get(id);
      if (instance && !isFinal(instance.status) && !instance.cancel) instances.cancel(SYSTEM, id);
    }
  return Math.max(0, row.sinceMs + timing.drainMs - ports.clock.wallMs()) + 1;
}
