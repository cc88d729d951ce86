/** Our field names in PyLet's words. */
const WORDS: Readonly<Record<string, string>> = {
  resources: 'resource_requirements',
  cpu: 'cpu_cores',
  memoryMiB: 'memory_mb',
  gpus: 'gpu_units',
  gpuIndices: 'gpu_indices',
  targetWorker: 'target_worker',
};

export const inPyletsWords = (field: string): string =>
  (Object.hasOwn(WORDS, field) && WORDS[field]) || field;
