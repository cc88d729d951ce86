import fc from 'fast-check';
import { describe, it } from 'vitest';
import { documentOf } from '../document.ts';
import { isDroverError } from '../drover-error.ts';
import { taskSpec } from '../wire/task.ts';
import { readYaml } from '../yaml/index.ts';
import { parseTaskFile, TASK_FIELDS } from './index.ts';

/** Throws unless the act succeeds, or is refused as bad input. */
function refusesOnly(act: () => void): void {
  try {
    act();
  } catch (error) {
    if (!isDroverError(error) || !['INVALID_TASK', 'INVALID_YAML'].includes(error.code)) throw error;
  }
}

const keys = [...new Set(TASK_FIELDS.flatMap(({ path }) => path.split('.')))].filter((key) => key !== '*');
const scalars = fc.oneof(
  fc.constantFrom(
    '4',
    '4+',
    '16GB',
    '4x',
    'A100:8',
    'pool/a',
    'fake/a/r/z',
    '*',
    '8000-8010',
    '10m',
    'none',
    '',
  ),
  fc.string(),
  fc.integer({ min: -2, max: 70_000 }),
  fc.double(),
  fc.boolean(),
  fc.constant(null),
);
const { tree } = fc.letrec((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    scalars,
    fc.array(tie('tree'), { maxLength: 3 }),
    fc.dictionary(fc.oneof(fc.constantFrom(...keys), fc.string()), tie('tree'), { maxKeys: 4 }),
  ),
}));
const tasks = fc.dictionary(fc.constantFrom(...keys), tree, { maxKeys: 4 });

describe('whatever is read', () => {
  it('is taken, or refused as bad input; what is taken can travel', () => {
    fc.assert(
      fc.property(fc.oneof(tree, tasks), (value) =>
        refusesOnly(() => {
          for (const task of parseTaskFile([documentOf(value)], { expand: false }).tasks) {
            const { fileMounts: _, fileMountsMapping: __, workdir: ___, ...spec } = task;
            taskSpec.parse(spec);
          }
        }),
      ),
      { numRuns: 2000 },
    );
  });

  it('resources too', () => {
    const fields = fc.record(
      {
        infra: scalars,
        cloud: scalars,
        zone: scalars,
        instance_type: scalars,
        cpus: scalars,
        memory: scalars,
        accelerators: fc.oneof(
          scalars,
          fc.array(scalars, { maxLength: 3 }),
          fc.dictionary(fc.string(), scalars),
        ),
        disk_size: scalars,
        ports: fc.oneof(scalars, fc.array(scalars)),
        labels: fc.dictionary(fc.string(), scalars),
        autostop: scalars,
        job_recovery: scalars,
        priority: scalars,
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fields, (resources) =>
        refusesOnly(() => {
          const [task] = parseTaskFile([documentOf({ resources })]).tasks;
          taskSpec.parse({ resources: task?.resources });
        }),
      ),
      { numRuns: 2000 },
    );
  });

  it('as text too', () => {
    const words = fc.constantFrom(
      'a',
      ': ',
      '- ',
      '\n',
      '  ',
      '\t',
      '&a',
      '*a',
      '<<: ',
      '{',
      '}',
      '[',
      ']',
      ',',
      '"',
      "'",
      '|',
      '>',
      '!!str ',
      '!x',
      '---\n',
      '? ',
      '#',
      '%YAML 1.2\n',
      'resources',
      'null',
    );
    fc.assert(
      fc.property(fc.array(words, { maxLength: 40 }), (parts) =>
        refusesOnly(() => {
          parseTaskFile(readYaml(parts.join('')));
        }),
      ),
      { numRuns: 3000 },
    );
  });
});
