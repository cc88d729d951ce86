/** The GPUs of this machine, found by the vendors' tools or given by flag. */
import type { Offer } from '@drover/core/wire';
import type { Logger } from '../agent/ports.ts';
import { runTool } from './tool.ts';

export type Gpu = Offer['gpus'][number];

const MAX_GPUS = 1024;
const MIB = 1024 * 1024;
const NVIDIA_FIELDS = ['index', 'name', 'memory.total', 'uuid', 'compute_cap'];
const ROCM = ['--showproductname', '--showmeminfo', 'vram', '--showuniqueid', '--json'];

/**
 * Asks `nvidia-smi`, then `rocm-smi`. No tool means no GPU; a tool that fails means none too, with a warning.
 * `path` overrides PATH.
 */
export async function detectGpus(logger: Logger, path?: string): Promise<Gpu[]> {
  const nvidia = await detectNvidia(logger, path);
  return nvidia.length > 0 ? nvidia : await detectRocm(logger, path);
}

async function detectNvidia(logger: Logger, path?: string): Promise<Gpu[]> {
  const query = (fields: string[]) =>
    runTool('nvidia-smi', [`--query-gpu=${fields.join(',')}`, '--format=csv,noheader,nounits'], path);
  let result = await query(NVIDIA_FIELDS);
  // Drivers before 510 do not know compute_cap and then answer nothing at all.
  if (result.kind === 'broken' && result.why.includes('compute_cap'))
    result = await query(NVIDIA_FIELDS.slice(0, -1));
  if (result.kind === 'absent') return [];
  const gpus = result.kind === 'ok' ? parseNvidia(result.output) : null;
  if (gpus !== null) return gpus;
  warn(logger, 'nvidia-smi', result.kind === 'broken' ? result.why : 'its answer was not understood');
  return [];
}

async function detectRocm(logger: Logger, path?: string): Promise<Gpu[]> {
  const result = await runTool('rocm-smi', ROCM, path);
  if (result.kind === 'absent') return [];
  const gpus = result.kind === 'ok' ? parseRocm(result.output) : null;
  if (gpus !== null) return gpus;
  warn(logger, 'rocm-smi', result.kind === 'broken' ? result.why : 'its answer was not understood');
  return [];
}

function warn(logger: Logger, tool: string, why: string): void {
  logger.warn({ tool, why }, `${tool} failed: its GPUs are not offered (give them with --gpus)`);
}

/** Parses lines of "index, name, memory in MiB, uuid, compute capability"; null when a line is something else. */
export function parseNvidia(output: string): Gpu[] | null {
  const gpus: Gpu[] = [];
  for (const line of output.split('\n').filter((text) => text.trim() !== '')) {
    const [index, model, memory, uuid, capability] = line.split(',').map((field) => field.trim());
    if (index === undefined || !/^\d{1,4}$/.test(index) || uuid === undefined) return null;
    gpus.push({
      index: Number(index),
      model: known(model),
      memoryMiB: numberOrNull(memory),
      computeCapability: known(capability),
      uuid: known(uuid),
    });
  }
  return gpus;
}

/** The tool says "[N/A]", "[Not Supported]" and the like for what a device does not tell. */
const known = (field: string | undefined): string | null =>
  field === undefined || field === '' || field === 'N/A' || field.startsWith('[') ? null : field;

const numberOrNull = (field: string | undefined): number | null => {
  const value = Number(known(field) ?? Number.NaN);
  return Number.isFinite(value) && value >= 0 ? Math.round(value) : null;
};

/** Parses the JSON of `rocm-smi`, before which it may print warnings; null when there is none. */
export function parseRocm(output: string): Gpu[] | null {
  const start = output.indexOf('{');
  let cards: Record<string, Record<string, unknown>>;
  try {
    cards = JSON.parse(output.slice(Math.max(0, start))) as typeof cards;
  } catch {
    return null;
  }
  return Object.entries(cards)
    .flatMap(([name, card]) => {
      const index = /^card(\d{1,4})$/.exec(name)?.[1];
      return index === undefined ? [] : [parseCard(Number(index), card)];
    })
    .sort((a, b) => a.index - b.index);
}

function parseCard(index: number, card: Record<string, unknown>): Gpu {
  // The capitals of the names differ between versions.
  const fields = new Map(
    Object.entries(card).map(([key, value]) => [key.toLowerCase(), String(value).trim()]),
  );
  const bytes = Number(fields.get('vram total memory (b)') ?? Number.NaN);
  return {
    index,
    model: known(fields.get('card series')) ?? known(fields.get('card model')),
    memoryMiB: Number.isFinite(bytes) ? Math.round(bytes / MIB) : null,
    computeCapability: known(fields.get('gfx version')),
    uuid: known(fields.get('unique id')),
  };
}

/**
 * Parses `--gpus`: `4`, `2xA100`, `2xA100:80GB`, `none`. GB and GiB both count 1024 MiB, as the vendors' tools do.
 * @throws {RangeError} with a message for the user.
 */
export function parseGpuFlag(text: string): Gpu[] {
  if (text === 'none') return [];
  const match = /^(\d{1,4})(?:x([A-Za-z0-9][^:]{0,99})(?::(\d{1,7})(GB|GiB|MB|MiB))?)?$/.exec(text);
  const count = Number(match?.[1]);
  if (match === null || count > MAX_GPUS) {
    throw new RangeError(
      `--gpus ${text}: expected a count up to ${MAX_GPUS} (4), a count and a model (2xA100:80GB), or none`,
    );
  }
  const memoryMiB = match[3] === undefined ? null : Number(match[3]) * (match[4]?.startsWith('G') ? 1024 : 1);
  return Array.from({ length: count }, (_, index) => ({
    index,
    model: match[2] ?? null,
    memoryMiB,
    computeCapability: null,
    uuid: null,
  }));
}
