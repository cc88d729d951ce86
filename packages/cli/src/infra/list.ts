import type { InfraView, MachineTypeView } from '@drover/client';
import type { Call, ClientFlags } from '../call.ts';
import { connect } from '../connect.ts';
import { printJson, printTable } from '../output.ts';
import { formatMiB } from '../values/bytes.ts';

/** `drover infra list`. */
export async function list(call: Call): Promise<number> {
  const flags = call.command.opts<ClientFlags & { readonly types?: boolean; readonly refresh?: boolean }>();
  const client = await connect(call);
  const views = await client.infra.list({ refresh: flags.refresh });
  if (flags.json) printJson(call, views);
  else if (flags.types) printTypes(call, views);
  else printInfra(call, views);
  return 0;
}

function printInfra(call: Call, views: readonly InfraView[]): void {
  printTable<InfraView>(
    call,
    [
      { title: 'INFRA', value: (view) => view.name, min: 8 },
      { title: 'ENABLED', value: (view) => (view.enabled ? 'yes' : 'no') },
      { title: 'UP', value: (view) => (view.up || view.name.startsWith('pool/') ? 'yes' : 'no'), drop: 3 },
      { title: 'WORKERS', value: (view) => String(view.workers), drop: 1 },
      { title: 'MACHINES', value: (view) => String(view.machines), drop: 2 },
      { title: 'TYPES', value: (view) => String(view.types.length), drop: 4 },
      { title: 'COST/H', value: (view) => price(view.costPerHour), drop: 2 },
      { title: 'REASON', value: reasonOf, min: 12, drop: 5 },
    ],
    views,
    'no infra',
  );
}

function reasonOf({ reason, unknownMachines }: InfraView): string {
  const unknown =
    unknownMachines.length === 0
      ? ''
      : `${unknownMachines.length} machines of this herd that it does not know`;
  return [reason?.message ?? '', unknown].filter((part) => part !== '').join('; ');
}

function printTypes(call: Call, views: readonly InfraView[]): void {
  printTable<MachineTypeView>(
    call,
    [
      { title: 'INFRA', value: (type) => type.infra, min: 8 },
      { title: 'TYPE', value: (type) => type.type, min: 8 },
      { title: 'PLACE', value: (type) => [type.region, type.zone].filter(Boolean).join('/'), drop: 2 },
      { title: 'CPU', value: (type) => String(type.cpus) },
      { title: 'MEMORY', value: (type) => formatMiB(type.memoryMiB) },
      {
        title: 'GPUS',
        value: ({ accelerators }) => (accelerators ? `${accelerators.name}:${accelerators.count}` : ''),
      },
      { title: 'PRICE/H', value: (type) => price(type.pricePerHour) },
      {
        title: 'SPOT/H',
        value: (type) => (type.spotPricePerHour === null ? '' : price(type.spotPricePerHour)),
        drop: 3,
      },
      {
        title: 'AVAILABLE',
        value: (type) => (type.available === null ? '' : String(type.available)),
        drop: 1,
      },
    ],
    views.flatMap((view) => view.types),
    'no machine types',
  );
}

/** US dollars. */
export const price = (dollars: number): string => (dollars === 0 ? '' : `$${dollars.toFixed(2)}`);
