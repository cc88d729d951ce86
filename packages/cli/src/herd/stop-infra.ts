import type { Client } from '@drover/client';

const LIMIT_MS = 120_000;
const LOOK_MS = 100;

/** Stops the machines that the head has started; what lies on them stays. @returns what could not be stopped */
export async function stopInfra(client: Client, say: (line: string) => void): Promise<string[]> {
  const problems: string[] = [];
  const machines = await client.infra.machines();
  const names = new Set(machines.filter(({ owner }) => owner.startsWith('infra/')).map(({ infra }) => infra));
  for (const name of names) {
    say(`stopping ${name}`);
    await client.infra.down(name, { keep: true }).catch((error: unknown) => {
      problems.push(`${name} was not stopped: ${error instanceof Error ? error.message : error}`);
    });
  }
  const until = performance.now() + LIMIT_MS;
  for (;;) {
    const left = (await client.infra.machines()).filter(
      ({ infra, desired, status }) =>
        names.has(infra) && desired !== 'RUNNING' && status !== 'STOPPED' && status !== 'FAILED',
    );
    if (left.length === 0) return problems;
    if (performance.now() > until)
      return [
        ...problems,
        ...left.map(({ infra, name }) => `${name ?? 'a machine'} of ${infra} is still running`),
      ];
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}
