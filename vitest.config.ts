import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** The published entry points: from the sources for unit and simulation tests, as built for the tests of the real programs. */
function published(folder: 'src' | 'dist') {
  const extension = folder === 'src' ? 'ts' : 'js';
  const file = (name: string) =>
    fileURLToPath(new URL(`packages/drover/${folder}/${name}.${extension}`, import.meta.url));
  return [
    { find: /^drover$/, replacement: file('index') },
    { find: /^drover\/local$/, replacement: file('local') },
    { find: /^drover\/pylet$/, replacement: file('pylet') },
    { find: /^drover\/sky$/, replacement: file('sky') },
  ];
}

const inThreads = { pool: 'threads' as const, isolate: false };
/** The bundle is loaded by Node itself, as a user's program would load it. */
const realPrograms = {
  pool: 'forks' as const,
  maxWorkers: 2,
  testTimeout: 60_000,
  hookTimeout: 60_000,
  server: { deps: { external: [/packages\/drover\/dist\//] } },
};

export default defineConfig({
  define: { __DROVER_VERSION__: JSON.stringify('0.0.0-test') },
  test: {
    passWithNoTests: true,
    projects: [
      {
        extends: true,
        resolve: { alias: published('src') },
        test: {
          name: 'unit',
          include: [
            'packages/*/src/**/*.test.ts',
            'test/tidy/*.test.ts',
            'test/security/*.test.ts',
            'test/chaos/{checkers,faults}/*.test.ts',
          ],
          testTimeout: 20_000, // for a machine that has other work too; each takes some milliseconds
          ...inThreads,
        },
      },
      {
        extends: true,
        resolve: { alias: published('src') },
        test: { name: 'sim', include: ['test/sim/**/*.test.ts'], testTimeout: 30_000, ...inThreads },
      },
      {
        extends: true,
        resolve: { alias: published('dist') },
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          ...realPrograms,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        resolve: { alias: published('dist') },
        test: {
          name: 'store',
          include: ['test/store/**/*.test.ts'],
          globalSetup: ['test/store/setup.ts'],
          ...realPrograms,
          maxWorkers: 4, // they wait more than they work
          sequence: { groupOrder: 3 },
        },
      },
      {
        extends: true,
        resolve: { alias: published('dist') },
        test: {
          name: 'conformance',
          include: ['test/conformance/**/*.test.ts'],
          ...realPrograms,
          sequence: { groupOrder: 4 },
        },
      },
      {
        extends: true,
        resolve: { alias: published('dist') },
        test: {
          name: 'examples',
          include: ['test/examples/**/*.test.ts'],
          ...realPrograms,
          sequence: { groupOrder: 2 },
        },
      },
      {
        // Inside the namespaces that scripts/chaos.mjs makes: `npm run chaos -- --scenarios`.
        extends: true,
        test: {
          name: 'chaos',
          include: ['test/chaos/scenarios/*.test.ts'],
          pool: 'forks',
          maxWorkers: 2,
          testTimeout: 90_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
});
