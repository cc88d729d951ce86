import type { Command } from 'commander';
import { makeCommand, type Run, withHead } from './build.ts';

/** The nouns `infra` and `machine`: where machines come from, and the machines. */
export function infraCommands(run: Run): Command[] {
  const infra = makeCommand('infra', 'where machines come from');
  const list = withHead(makeCommand('list', 'list infra: types, prices, what is wrong'))
    .option('--types', 'every machine type, with its price')
    .option('--refresh', 'ask the providers now');
  list.action(async () => await run(list, async () => (await import('../infra/list.ts')).list));
  const up = withHead(makeCommand('up', 'start the machines of a shared infra')).argument(
    '<infra>',
    'local, or ssh/<pool>',
  );
  up.action(async () => await run(up, async () => (await import('../infra/change.ts')).up));
  const down = withHead(makeCommand('down', 'end the machines of a shared infra, and what runs there'))
    .argument('<infra>', 'local, or ssh/<pool>')
    .option('-y, --yes', 'do not ask');
  down.action(async () => await run(down, async () => (await import('../infra/change.ts')).down));
  infra.addCommand(list).addCommand(up).addCommand(down);

  const machine = makeCommand('machine', 'machines that were asked for');
  const machines = withHead(makeCommand('list', 'list machines, with what they cost')).option(
    '-a, --all',
    'also those that are gone, of the last day',
  );
  machines.action(
    async () => await run(machines, async () => (await import('../infra/machines.ts')).machines),
  );
  const gpus = withHead(makeCommand('gpus', 'which GPUs there are to be had')).argument(
    '[gpu]',
    'H100, A100',
  );
  gpus.action(async () => await run(gpus, async () => (await import('../infra/gpus.ts')).gpus));
  return [infra, machine.addCommand(machines), gpus];
}
