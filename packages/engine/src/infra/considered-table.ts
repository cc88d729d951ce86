import type { Plan, PlanRow } from './optimize.ts';

const HEAD = ['INFRA', 'INSTANCE', 'vCPUs', 'Mem(GB)', 'GPUS', 'COST ($)', 'CHOSEN'];

/**
 * What was considered for a launch, as text: one row for each infra, accelerators, and spot or not, best first, with the
 * choice marked. Cost is that of an hour of all nodes; with `time` it is the seconds until they are ready.
 */
export function consideredTable(plan: Plan, numNodes: number): string {
  const title = `Considered resources (${numNodes} ${numNodes === 1 ? 'node' : 'nodes'}):`;
  if (plan.rows.length === 0) return [title, ...plan.whyNot.map((why) => `  nothing fits ${why}`)].join('\n');
  const isTime = plan.target === 'time';
  const head = HEAD.map((name) => (isTime && name === 'COST ($)' ? 'TIME (s)' : name));
  const cells = [head, ...plan.rows.map((row) => cellsOf(row, isTime))];
  const widths = head.map((_, column) => Math.max(...cells.map((row) => [...(row[column] ?? '')].length)));
  const line = '-'.repeat(widths.reduce((sum, width) => sum + width + 2, 0));
  const rows = cells.map((row) =>
    row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return [
    title,
    line,
    ...rows.slice(0, 1),
    line,
    ...rows.slice(1),
    line,
    ...plan.notes.map((note) => `note: ${note}`),
  ].join('\n');
}

function cellsOf({ candidate, inStock, isChosen }: PlanRow, isTime: boolean): string[] {
  const { machine, perNode, spot, pricePerHour, seconds } = candidate;
  const place = [machine.infra, machine.region, machine.zone].filter((part) => part !== null).join('/');
  return [
    place,
    spot ? `${machine.type}[Spot]` : machine.type,
    plainNumber(perNode.cpus),
    plainNumber(perNode.memoryMiB / 1024),
    perNode.gpus === 0 ? '-' : `${perNode.accelerator}:${perNode.gpus}`,
    isTime ? plainNumber(seconds) : pricePerHour.toFixed(2),
    isChosen ? (inStock ? '✔' : '✔ (out of stock)') : inStock ? '' : 'out of stock',
  ];
}

const plainNumber = (value: number): string => String(Math.round(value * 100) / 100);
