import type { Call, ClientFlags } from '../call.ts';
import { dollars } from '../cluster/shown.ts';
import { connect } from '../connect.ts';
import { printJson, printTable } from '../output.ts';
import type { Column } from '../text/table.ts';

interface Row {
  readonly gpu: string;
  readonly count: number;
  readonly infra: string;
  readonly type: string;
  readonly cpus: number;
  readonly memoryMiB: number;
  readonly price: number;
  readonly available: number | null;
}

/** `drover gpus [GPU]`: which GPUs there are to be had, where, and what they cost. */
export async function gpus(call: Call): Promise<number> {
  const flags = call.command.opts<ClientFlags>();
  const client = await connect(call);
  const wanted = call.args[0]?.toUpperCase();
  const rows: Row[] = [];
  for (const infra of await client.infra.list())
    for (const type of infra.types) {
      if (type.accelerators === null) continue;
      const { name, count } = type.accelerators;
      if (wanted !== undefined && !name.toUpperCase().startsWith(wanted)) continue;
      const where = [infra.name, type.region, type.zone].filter(Boolean).join('/');
      const { cpus, memoryMiB, available, pricePerHour } = type;
      rows.push({
        gpu: name,
        count,
        infra: where,
        type: type.type,
        cpus,
        memoryMiB,
        price: pricePerHour,
        available,
      });
    }
  rows.sort((a, b) => a.gpu.localeCompare(b.gpu) || a.price - b.price || a.count - b.count);
  if (flags.json) {
    printJson(call, rows);
    return 0;
  }
  const columns: Column<Row>[] = [
    { title: 'GPU', value: (row) => row.gpu },
    { title: 'COUNT', value: (row) => String(row.count) },
    { title: 'INFRA', value: (row) => row.infra },
    { title: 'TYPE', value: (row) => row.type, min: 6, drop: 4 },
    { title: 'CPUS', value: (row) => String(row.cpus), drop: 3 },
    { title: 'MEMORY', value: (row) => `${Math.round(row.memoryMiB / 1024)} GiB`, drop: 3 },
    { title: 'PRICE/HR', value: (row) => dollars(row.price) },
    { title: 'AVAILABLE', value: (row) => (row.available === null ? '?' : String(row.available)), drop: 2 },
  ];
  printTable(
    call,
    columns,
    rows,
    wanted === undefined ? 'no GPUs are known' : `no GPU ${wanted} is known; "drover gpus" lists all`,
  );
  return 0;
}
