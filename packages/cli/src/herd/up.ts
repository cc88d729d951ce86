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
    const { url, tokenFile, caFile, herd: id, pid } = herd.head;
    const list = herd.workers.map((one) => ({ workerId: one.workerId, pid: one.pid }));
    const urlForOthers = urlElsewhere(env, url);
    terminal.out(JSON.stringify({ url, urlForOthers, tokenFile, caFile, herd: id, pid, workers: list }));
  } else for (const line of linesOf(herd, urlElsewhere(env, herd.head.url))) terminal.out(line);
  for (const line of notesOf(herd, flags)) terminal.say(line);
  return 0;
}

/** What was wished and is not so. */
function notesOf({ head, workers }: Herd, wishes: Flags): string[] {
  const { port, host } = wishes;
  const again = (flag: string): string =>
    `the head runs already; for ${flag}: "drover down", then this again`;
  return [
    ...(port !== undefined && port !== 0 && new URL(head.url).port !== String(port)
      ? [again(`--port ${port}`)]
      : []),
    ...(host !== undefined && host !== head.host
      ? [again(`--host ${host} (it is bound to ${head.host})`)]
      : []),
    ...(wishes.workers !== undefined && workers.length > wishes.workers
      ? [`${workers.length} workers run already; none was ended`]
      : []),
  ];
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
