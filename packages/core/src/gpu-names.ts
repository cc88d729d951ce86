/**
 * GPU models: as drivers report them (`NVIDIA H100 80GB HBM3`) and as people ask for them (`H100`).
 *
 * A model is its base (`H100`, `H100-NVL`), its memory where one base comes in several (`A100-80GB`), and its form
 * (`SXM`, `PCIE`). What is not said is the usual one: A100 is the one of 40 GB. Whoever asks without a form takes
 * any; every other difference is another model: A10 is not A100, L4 not L40, L40 not L40S.
 */

/** The memory in GB that a model has when its name does not say. */
const USUAL_MEMORY: Readonly<Record<string, readonly number[]>> = {
  A100: [40],
  A800: [80],
  H100: [80],
  H800: [80],
  H20: [96],
  H200: [141],
  GH200: [480, 96], // its own name counts the memory of the CPU
  A30: [24],
  P100: [16],
  V100: [16],
};
/** Those that come as SXM when nothing is said; all others are cards. */
const USUALLY_SXM = /^(?:[ABH]\d{2,3}|[AH]800|V100)$/;
/** What drivers add around the model. */
const NOISE =
  /^(?:NVIDIA|AMD|INTEL|TESLA|GEFORCE|QUADRO|INSTINCT|RADEON|GPU|GRAPHICS|CARD|BLACKWELL|GENERATION|SERVER|WORKSTATION|EDITION|OAM|AC)$/;
const SERIES = /^(?:RTX|GTX|RX|PRO)$/;
/** Sold as `RTX A6000`, asked for as `A6000`. */
const WORKSTATION_CARD = /^A(?:[2-6]000|4500|5500)$/;
const CASE: Readonly<Record<string, string>> = {
  ADA: 'Ada',
  TI: 'Ti',
  LAPTOP: 'Laptop',
  PCIE: 'PCIE',
  NVL: 'NVL',
};

/** A longer name, in characters, is no model's: it is taken as it is. */
const LONGEST_NAME = 255;
/** So many parsed names are remembered: a plan compares the same few with each other again and again. */
const MOST_PARSED = 10_000;

interface GpuModel {
  readonly base: string;
  /** The base as it is compared. */
  readonly key: string;
  /** GB; null: not said, and not told apart. */
  readonly memory: number | null;
  readonly form: 'SXM' | 'PCIE' | null;
}

/** The short name of a model that a driver reports: `A100-80GB` of `NVIDIA A100-SXM4-80GB`. A short name stays. */
export function gpuName(model: string): string {
  const { base, memory, form } = parseGpu(model);
  const usual = USUALLY_SXM.test(base) ? 'SXM' : 'PCIE';
  return nameOf(base, memory, form === usual ? null : form);
}

/** The name under which a model is asked for: as {@link gpuName}, with the form if it was said. */
export function gpuWish(text: string): string {
  const { base, memory, form } = parseGpu(text);
  return nameOf(base, memory, form);
}

/** Whether a GPU that reports `model`, or has that short name, is one that `wanted` asks for. */
export function gpuMatches(wanted: string, model: string): boolean {
  const want = parseGpu(wanted);
  const have = parseGpu(model);
  if (want.key !== have.key) return false;
  const memory = want.memory ?? USUAL_MEMORY[want.base]?.[0] ?? null;
  if (memory !== null && memory !== (have.memory ?? USUAL_MEMORY[have.base]?.[0] ?? memory)) return false;
  const usual = USUALLY_SXM.test(have.base) ? 'SXM' : 'PCIE';
  return want.form === null || want.form === (have.form ?? usual);
}

function nameOf(base: string, memory: number | null, form: string | null): string {
  return [base, memory === null ? null : `${memory}GB`, form].filter((part) => part !== null).join('-');
}

/** `RTX4090-Ti` and `rtx4090ti` are one. */
const keyOf = (base: string): string => base.replaceAll(/[- ]/g, '').toUpperCase();

const parsed = new Map<string, GpuModel>();

function parseGpu(text: string): GpuModel {
  if (text.length > LONGEST_NAME) return { base: text, key: keyOf(text), memory: null, form: null };
  const known = parsed.get(text);
  if (known !== undefined) return known;
  if (parsed.size >= MOST_PARSED) parsed.clear();
  const slice = /^(.*?)(?<![\s-])[\s-]+MIG[\s-]+(\S+)$/i.exec(text);
  // A slice of a GPU is no GPU of that model.
  const model = slice
    ? { base: `${parseWhole(slice[1] ?? '').base}-MIG-${slice[2]}`, memory: null, form: null }
    : parseWhole(text);
  const keyed = { ...model, key: keyOf(model.base) };
  parsed.set(text, keyed);
  return keyed;
}

function parseWhole(text: string): Omit<GpuModel, 'key'> {
  let memory: number | null = null;
  let form: GpuModel['form'] = null;
  let isHbm3 = false;
  const kept: string[] = [];
  for (const token of text.trim().split(/[\s-]+/)) {
    const upper = token.toUpperCase();
    const size = /^(\d{1,4})GB?$/.exec(upper);
    if (NOISE.test(upper)) continue;
    if (size) memory = Number(size[1]);
    else if (/^SXM\d?$/.test(upper)) form = 'SXM';
    else if (upper === 'PCIE') form = 'PCIE';
    else if (/^HBM\d/.test(upper)) isHbm3 ||= upper.startsWith('HBM3');
    else kept.push(kept.length === 0 ? modelCase(token) : (CASE[upper] ?? token));
  }
  const base = baseOf(kept, text);
  // Only the SXM form of these is sold with HBM3, and its driver says nothing else.
  if (isHbm3 && form === null && USUALLY_SXM.test(base)) form = 'SXM';
  return { base, memory: USUAL_MEMORY[base]?.includes(memory ?? -1) ? null : memory, form };
}

/** `h100` as `H100`; a word that is no model stays as it is. */
const modelCase = (token: string): string =>
  /^[a-z]{1,4}\d|^[rg]tx$|^rx$/i.test(token) ? token.toUpperCase() : token;

function baseOf(kept: readonly string[], text: string): string {
  let base = '';
  let isSeries = false;
  for (const token of kept) {
    base += base === '' || isSeries ? token : `-${token}`;
    isSeries = SERIES.test(token.toUpperCase());
  }
  if (base === '') return text.trim();
  return WORKSTATION_CARD.test(base) ? `RTX${base}` : base;
}
