/** Which processes hold device memory now, by `nvidia-smi`. */
import { runTool } from './tool.ts';

const QUERY = ['--query-compute-apps=pid', '--format=csv,noheader,nounits'];
/** A query takes up to a second of the driver's time: its answer serves all who ask meanwhile. */
const SHARE_MS = 1000;

export class GpuMemory {
  private readonly path: string | undefined;
  private asked: { atMs: number; pids: Promise<ReadonlySet<number>> } | null = null;

  /** `path` overrides PATH. */
  constructor(path?: string) {
    this.path = path;
  }

  /** True while any of these processes is listed, dead or not. False where there is no `nvidia-smi`. */
  async isHeldBy(pids: ReadonlySet<number>): Promise<boolean> {
    const now = performance.now();
    if (this.asked === null || now - this.asked.atMs > SHARE_MS)
      this.asked = { atMs: now, pids: queryPids(this.path) };
    const holding = await this.asked.pids;
    return [...pids].some((pid) => holding.has(pid));
  }
}

async function queryPids(path?: string): Promise<ReadonlySet<number>> {
  const result = await runTool('nvidia-smi', QUERY, path);
  return new Set(result.kind === 'ok' ? result.output.split('\n').map(Number).filter(Boolean) : []);
}
