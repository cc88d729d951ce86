/** PyLet's submission as one of ours. */
import { NAME_RULE, parseName } from '@drover/core';
import { type InstanceSubmit, instanceSubmit } from '@drover/core/wire';
import { Refusal } from './errors.ts';
import type { PyletSubmit } from './parse.ts';
import { inPyletsWords } from './words.ts';

/** @throws {Refusal} 400, saying which field breaks which rule of ours */
export function toInput(submit: PyletSubmit): InstanceSubmit {
  const name = submit.name === null || submit.name === '' ? null : parseName(submit.name);
  if (submit.name && name === null) throw new Refusal(400, `name: ${NAME_RULE}`);
  if (submit.gpuIndices !== null && submit.targetWorker === null)
    throw new Refusal(400, 'gpu_indices requires target_worker');
  if (submit.venv !== null && !submit.venv.startsWith('/'))
    throw new Refusal(400, 'venv must be an absolute path');
  // An empty list of indices means no GPU, whatever gpu_units says; an empty command runs and ends with 0.
  const noGpus = submit.gpuIndices !== null && submit.gpuIndices.length === 0;
  const parsed = instanceSubmit.safeParse({
    command: submit.command.trim() === '' ? 'true' : submit.command,
    name,
    resources: { cpu: submit.cpuCores, memoryMiB: submit.memoryMb, gpus: noGpus ? 0 : submit.gpuUnits },
    gpuIndices: noGpus ? null : submit.gpuIndices,
    exclusive: submit.exclusive,
    targetWorker: submit.targetWorker,
    labels: submit.labels,
    env: submit.env,
    venv: submit.venv,
  });
  if (parsed.success) return { ...parsed.data, command: submit.command };
  const issue = parsed.error.issues[0];
  const field = issue?.path.map(String).map(inPyletsWords).join('.') || 'body';
  throw new Refusal(400, `${field}: ${issue?.message ?? 'invalid'}`);
}
