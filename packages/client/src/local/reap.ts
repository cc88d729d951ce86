/** What has to be gone at the end of something that was started here. */
export interface ReapPlan {
  /** Its instances are ended first; null: they are left alone. */
  readonly head: {
    readonly url: string;
    readonly token: string;
    /** Between SIGTERM and SIGKILL. */
    readonly graceMs: number;
    /** How long their end is waited for in all; what lives on then is killed with its worker. */
    readonly limitMs: number;
  } | null;
  /** Programs to end, in this order of groups: workers before the head. */
  readonly groups: readonly (readonly number[])[];
  /** Folders to remove; on Linux every process that still has one in its arguments, environment or working directory is killed. */
  readonly folders: readonly string[];
}

/** The few calls that {@link reap} makes; passed in, since it also runs from its source text in another process. */
export interface ReapTools {
  readonly fetch: typeof globalThis.fetch;
  readonly kill: (pid: number, signal: NodeJS.Signals | 0) => void;
  readonly self: number;
  readonly list: (folder: string) => Promise<string[]>;
  readonly read: (path: string) => Promise<string>;
  readonly link: (path: string) => Promise<string>;
  readonly remove: (folder: string) => Promise<void>;
}

/**
 * Ends instances (SIGTERM, grace, SIGKILL by their worker), then programs (SIGTERM, after 10 s SIGKILL), then what may
 * still live, then removes the folders. Never throws. Refers to nothing outside itself: see `guardian.ts`.
 */
export async function reap(plan: ReapPlan, tools: ReapTools): Promise<void> {
  const nap = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
  /** A process whose parent is gone can stay a zombie for long; it has ended all the same. */
  const alive = async (pid: number) => {
    try {
      tools.kill(pid, 0);
    } catch {
      return false;
    }
    return !/\) [ZX] /.test(await tools.read(`/proc/${pid}/stat`).catch(() => ''));
  };
  const untilGone = async (pids: readonly number[], ms: number) => {
    const until = performance.now() + ms;
    for (const pid of pids) while ((await alive(pid)) && performance.now() < until) await nap(10);
  };
  const send = (pid: number, signal: NodeJS.Signals) => {
    try {
      tools.kill(pid, signal);
    } catch {
      // It has ended.
    }
  };

  const endInstances = async (head: NonNullable<ReapPlan['head']>) => {
    const ask = async (method: string, path: string, body?: object) => {
      const headers: Record<string, string> = { authorization: `Bearer ${head.token}` };
      if (body !== undefined) headers['content-type'] = 'application/json';
      const init = { method, headers, signal: AbortSignal.timeout(5000) };
      const text = body === undefined ? {} : { body: JSON.stringify(body) };
      const response = await tools.fetch(`${head.url}${path}`, { ...init, ...text });
      return (await response.json().catch(() => ({}))) as {
        items?: { id: string; name: string; displayStatus: string }[];
      };
    };
    const { items: clusters = [] } = await ask('GET', '/v1/clusters');
    for (const { name } of clusters) await ask('POST', `/v1/clusters/${name}/down`, {});
    let until = performance.now() + head.limitMs;
    const cancelled = new Set<string>();
    while (performance.now() < until) {
      const { items = [] } = await ask('GET', '/v1/instances?limit=1000');
      if (items.length === 0) return;
      for (const { id, displayStatus } of items) {
        // One by one only what may have to be killed: the others end at once with the call for all.
        if (cancelled.has(id) || !/^(ASSIGNED|RUNNING|CANCELLING)$/.test(displayStatus)) continue;
        cancelled.add(id);
        await ask('POST', `/v1/instances/${id}/cancel`, { graceMs: head.graceMs });
      }
      await ask('DELETE', '/v1/instances');
      // The reply is held until one of them has ended; then all are looked at again.
      const first = items.find(({ id }) => cancelled.has(id));
      if (first !== undefined) await ask('GET', `/v1/instances/${first.id}?wait=final&timeoutMs=500`);
      // What a worker that is gone had run cannot end in order.
      const there = await Promise.all((plan.groups[0] ?? []).map(alive));
      if (there.includes(false)) until = Math.min(until, performance.now() + 500);
      await nap(10);
    }
  };

  const endPrograms = async (pids: readonly number[]) => {
    for (const pid of pids) send(pid, 'SIGTERM');
    await untilGone(pids, 10_000);
    for (const pid of pids) if (await alive(pid)) send(pid, 'SIGKILL');
    await untilGone(pids, 2000);
  };

  /** Processes that still belong to one of the folders. Only Linux can tell. */
  const strays = async () => {
    const found: number[] = [];
    for (const entry of await tools.list('/proc').catch(() => [])) {
      const pid = Number(entry);
      if (!Number.isInteger(pid) || pid <= 1 || pid === tools.self) continue;
      const facts = [
        await tools.read(`/proc/${pid}/cmdline`).catch(() => ''),
        await tools.read(`/proc/${pid}/environ`).catch(() => ''),
        `${await tools.link(`/proc/${pid}/cwd`).catch(() => '')}/`,
      ];
      if (plan.folders.some((folder) => facts.some((fact) => fact.includes(`${folder}/`)))) found.push(pid);
    }
    return found;
  };

  if (plan.head !== null) await endInstances(plan.head).catch(() => undefined);
  for (const pids of plan.groups) await endPrograms(pids);
  if (plan.head !== null) {
    for (let tries = 0; tries < 5; tries++) {
      const pids = await strays();
      if (pids.length === 0) break;
      for (const pid of pids) send(pid, 'SIGKILL');
      await nap(50);
    }
  }
  for (const folder of plan.folders) await tools.remove(folder).catch(() => undefined);
}
