import type { Call } from '../call.ts';
import { urlElsewhere } from './elsewhere.ts';
import { type Herd, startHerd } from './start.ts';

interface Flags {
  readonly json?: boolean;
  readonly workers?: number;
  readonly cpus?: number;
  readonly memory?: number;
  readonly gpus?: string;
  readonly port?: number;
  readonly host?: string;
}

/** `drover up`: a herd on this machine. Doing it again starts what is missing. */
export async function up(call: Call): Promise<number> {
  const flags = call.command.opts<Flags>();
  const { terminal, env } = call;
  const { workers, cpus, memory: memoryMiB, gpus, port, host } = flags;
  const say = terminal.errIsTty && !flags.json ? terminal.say : () => undefined;
  const herd = await startHerd(env, { workers, cpus, memoryMiB, gpus, port, host }, say);
  if (flags.json) {
    const { url, tokenFile, herd: id, pid } = herd.head;
    const list = herd.workers.map((one) => ({ workerId: one.workerId, pid: one.pid }));
    terminal.out(JSON.stringify({ url, tokenFile, herd: id, pid, workers: list }));
    return 0;
  }
  const { url } = herd.head;
  for (const line of linesOf(herd, urlElsewhere(env, url))) terminal.out(line);
  if (port !== undefined && port !== 0 && new URL(url).port !== String(port)) {
    terminal.say(`the head runs already and keeps its address; --port ${port} counts after "drover down"`);
  }
  if (host !== undefined && !herd.head.started)
    terminal.say(
      `the head runs already and stays where it is bound; --host ${host} counts after "drover down"`,
    );
  if (workers !== undefined && herd.workers.length > workers) {
    terminal.say(`${herd.workers.length} workers run already; none was ended`);
  }
  return 0;
}

/** @param elsewhere the address of the head for other machines */
function linesOf({ head, workers }: Herd, elsewhere: string): string[] {
  const others =
    elsewhere === head.url
      ? []
      : [
          `others:   ${elsewhere}, with TLS`,
          'workers:  drover join-token create',
          'people:   drover user create NAME',
        ];
  const how = (started: boolean) => (started ? 'started' : 'runs already');
  return [
    `head      ${head.url}  ${how(head.started)} (pid ${head.pid})`,
    ...workers.map(
      (one, index) => `worker ${index + 1}  ${one.workerId}  ${how(one.started)} (pid ${one.pid})`,
    ),
    '',
    "try:      drover submit -f 'echo hello'",
    'see:      drover ps',
    ...others,
    'end it:   drover down',
  ];
}
