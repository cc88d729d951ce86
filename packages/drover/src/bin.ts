import { parseArgs } from 'node:util';
const { values, positionals } = parseArgs({ allowPositionals: true, strict: false });
const v = values as Record<string, string>;
if (positionals[0] === 'head') {
  const { runHead } = await import('./head-process.ts');
  process.exit(await runHead({ state: String(v['state']), host: '127.0.0.1', port: Number(v['port'] ?? 0), alsoListen: null, trustLoopback: false, pyletAccounting: 'strict', logLevel: 'info', onReady: (r) => console.log(JSON.stringify(r)) }));
} else {
  const { runWorker } = await import('./worker-process.ts');
  process.exit(await runWorker({ state: String(v['state']), head: String(v['head']), joinToken: v['join-token'] ?? null, name: null, advertise: null, cpus: null, memoryMiB: null, diskMiB: null, gpus: null, ports: null, overcommitCpu: 1, overcommitMemory: 1, cleanEnv: false, logLevel: 'info', onReady: (r) => console.log(JSON.stringify(r)) }));
}
