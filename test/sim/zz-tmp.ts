import { runClusterSeed } from './cluster-life.ts';

const from = Number(process.argv[2]),
  n = Number(process.argv[3]),
  trace = process.argv[4] === 't';
const t = performance.now();
const kinds = new Map<string, number[]>();
let ev = 0;
for (let s = from; s < from + n; s++) {
  let r;
  try {
    r = await runClusterSeed(s, trace ? (l) => console.log(l) : null);
  } catch (e) {
    r = { seed: s, problem: 'threw ' + (e as Error).stack, events: 0, faults: [] } as any;
  }
  ev += r.events;
  if (r.problem) {
    const k = r.problem
      .replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '#')
      .replace(/\d{5,}/g, 'N')
      .slice(0, 3000);
    kinds.set(k, [...(kinds.get(k) ?? []), s]);
  }
}
for (const [k, v] of [...kinds].sort((a, b) => b[1].length - a[1].length))
  console.log(v.length, v.slice(0, 6).join(','), k);
console.log('s', (performance.now() - t) / 1000, 'events', ev);
