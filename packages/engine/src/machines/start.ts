/** Machines, put together: the service for wishes, the controllers, and the timer that forgets what is long gone. */
import { SYSTEM } from '../actor.ts';
import { infraController } from '../infra/controller.ts';
import { InfraService } from '../infra/infra-service.ts';
import type { InstancesByWorker } from '../instances/index-by-worker.ts';
import type { InstanceService } from '../instances/service.ts';
import type { JoinTokenService } from '../join-tokens/service.ts';
import type { Ports } from '../ports.ts';
import type { Controller } from '../reconcile/reconciler.ts';
import type { State } from '../state/state.ts';
import type { WorkerService } from '../workers/service.ts';
import { type MachineContext, machineController } from './controller.ts';
import { MachineEffects } from './effects.ts';
import { Inventory } from './inventory.ts';
import { MachineService } from './service.ts';
import { MACHINE_TIMING, type MachineTiming } from './timing.ts';

const SWEEP_MS = 60_000;
/** Records of machines that are gone, at most. */
const MOST_GONE = 10_000;

export interface MachineOptions {
  readonly timing?: Partial<MachineTiming> | undefined;
  /** What becomes of a machine with our tag that no record knows; `report` when nothing is said. */
  readonly unknownMachines?: 'report' | 'remove' | undefined;
}

export interface MachineParts {
  readonly state: State;
  readonly ports: Ports;
  readonly herd: string;
  readonly workers: WorkerService;
  readonly instances: InstanceService;
  readonly byWorker: InstancesByWorker;
  readonly joinTokens: JoinTokenService;
  readonly poke: (controller: Controller, key: string) => void;
}

export interface Machines {
  readonly machines: MachineService;
  readonly infra: InfraService;
  readonly controllers: readonly Controller[];
  /** Called when the controllers run. */
  begin(): void;
}

export function makeMachines(parts: MachineParts, options: MachineOptions): Machines {
  const { state, ports, herd, joinTokens, poke } = parts;
  const timing = { ...MACHINE_TIMING, ...options.timing };
  const machines = new MachineService(state, ports, herd);
  const effects = new MachineEffects(
    state,
    ports,
    timing,
    (row) => joinTokens.createFor(row, timing.createMs + timing.joinMs + timing.callMs),
    (id) => {
      poke(controller, id);
      const infra = state.tables.machines.get(id)?.infra;
      if (infra === undefined) return;
      inventory.hurry(infra);
      poke(lists, infra);
    },
  );
  const context: MachineContext = { ...parts, timing, effects };
  const inventory = new Inventory(context, { herd, unknownMachines: options.unknownMachines ?? 'report' });
  const controller = machineController(context);
  const lists = inventory.controller((infra) => poke(lists, infra));
  const infra = new InfraService(state, ports, machines, inventory);
  const shared = infraController(state, ports, infra, machines);
  infra.onCatalogue = (name) => {
    poke(shared, name);
    // A provider that was set up while the head runs has a list too.
    poke(lists, name);
  };
  return {
    machines,
    infra,
    controllers: [controller, lists, shared],
    begin() {
      infra.start();
      sweep(state, ports, timing);
    },
  };
}

/** Forgets what is long gone; its history is in the events. */
function sweep(state: State, ports: Ports, timing: MachineTiming): void {
  const turn = (): void => {
    const now = ports.clock.wallMs();
    const gone = [...state.tables.machines.all()]
      .filter((row) => row.status === 'GONE')
      .sort((a, b) => a.sinceMs - b.sinceMs);
    const surplus = gone.length - MOST_GONE;
    const old = gone.filter((row, index) => index < surplus || now - row.sinceMs > timing.keepMs);
    if (old.length > 0 && state.stalled === null)
      state.transact(SYSTEM, (tx) => {
        for (const row of old) tx.delete('machines', row.id);
      });
    ports.clock.after(SWEEP_MS, turn);
  };
  ports.clock.after(SWEEP_MS, turn);
}
