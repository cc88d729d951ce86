// The arrows of the design: core <- engine <- compat <- head; core <- worker, client; client <- cli; everything <- drover.

/** What each package may import besides itself. */
const ARROWS = {
  core: [],
  engine: ['core'],
  compat: ['core', 'engine'],
  head: ['core', 'engine', 'compat'],
  worker: ['core'],
  client: ['core'],
  cli: ['core', 'client'],
  drover: ['core', 'engine', 'compat', 'head', 'worker', 'client', 'cli'],
  testkit: ['core', 'engine', 'compat', 'head', 'worker', 'client', 'cli'],
};
const TEST = '[.]test[.]ts$';
const PURE = '^packages/(core/src|engine/src|worker/src/agent)/';

const arrows = Object.entries(ARROWS).map(([name, allowed]) => ({
  name: `arrow-${name}`,
  comment: `${name} may import only ${allowed.join(', ') || 'itself'}`,
  severity: 'error',
  from: { path: `^packages/${name}/` },
  to: { path: '^packages/', pathNot: `^packages/(${[name, ...allowed, 'testkit'].join('|')})/` },
}));

module.exports = {
  forbidden: [
    ...arrows,
    {
      name: 'testkit-in-tests-only',
      severity: 'error',
      from: { path: '^packages/', pathNot: [TEST, '^packages/testkit/'] },
      to: { path: '^packages/testkit/' },
    },
    {
      name: 'tests-are-leaves',
      comment: 'nothing imports a test file',
      severity: 'error',
      from: {},
      to: { path: TEST },
    },
    {
      name: 'pure-no-node',
      comment: 'core, engine and worker/agent reach the outside through ports only',
      severity: 'error',
      from: { path: PURE, pathNot: TEST },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'pure-no-packages',
      comment: 'no npm package but zod, in core/wire only, and yaml, in core/yaml only',
      severity: 'error',
      from: { path: PURE, pathNot: [TEST, '^packages/core/src/(wire|yaml)/'] },
      to: { path: 'node_modules/' },
    },
    {
      name: 'wire-zod-only',
      severity: 'error',
      from: { path: '^packages/core/src/wire/', pathNot: TEST },
      to: { path: 'node_modules/', pathNot: 'node_modules/zod/' },
    },
    {
      name: 'yaml-in-one-place',
      comment: 'core/yaml reads YAML for all, with limits: nobody else loads the package',
      severity: 'error',
      from: { path: '^packages/', pathNot: ['^packages/core/src/yaml/'] },
      to: { path: 'node_modules/yaml/' },
    },
    {
      name: 'yaml-alone',
      severity: 'error',
      from: { path: '^packages/core/src/yaml/', pathNot: TEST },
      to: { path: 'node_modules/', pathNot: 'node_modules/yaml/' },
    },
    {
      name: 'core-without-yaml',
      comment: 'the rest of core does not run core/yaml: only who needs it loads it',
      severity: 'error',
      from: { path: '^packages/core/src/', pathNot: [TEST, '^packages/core/src/yaml/'] },
      to: { path: '^packages/core/src/yaml/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'agent-not-os',
      comment: 'worker/agent decides on ports; worker/os implements them',
      severity: 'error',
      from: { path: '^packages/worker/src/agent/', pathNot: TEST },
      to: { path: '^packages/worker/src/(?!agent/)' },
    },
    {
      name: 'wire-types-only',
      comment:
        'client and cli take types only from core/wire: zod doubles the start of a small program (use `import type`)',
      severity: 'error',
      from: { path: '^packages/(client|cli)/src/', pathNot: TEST },
      to: { path: '^packages/core/src/wire/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'core-without-zod',
      comment: 'the rest of core does not run core/wire, or every importer of core would load zod',
      severity: 'error',
      from: { path: '^packages/core/src/', pathNot: [TEST, '^packages/core/src/wire/'] },
      to: { path: '^packages/core/src/wire/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'by-package-name',
      comment: 'another package is imported by its name, not by a relative path',
      severity: 'error',
      from: { path: '^packages/([^/]+)/' },
      to: { path: '^packages/', pathNot: '^packages/$1/', dependencyTypes: ['local'] },
    },
    {
      name: 'no-cycles',
      comment: 'cycles of types alone are allowed inside a package',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^packages/[^/]+/dist/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      extensions: ['.ts', '.mjs', '.js', '.json'],
    },
    skipAnalysisNotInRules: true,
  },
};
