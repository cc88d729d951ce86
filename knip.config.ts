import { existsSync, readdirSync, readFileSync } from 'node:fs';
import type { KnipConfig } from 'knip';

/** A package whose index.ts is still the placeholder is left out: its dependencies are listed ahead of their use. */
function isPlaceholder(name: string): boolean {
  const index = `packages/${name}/src/index.ts`;
  return !existsSync(index) || readFileSync(index, 'utf8').trim() === 'export {};';
}

const packages = readdirSync('packages');
const internal = { project: 'src/**/*.ts', entry: ['src/**/*.test.ts'] };

const config: KnipConfig = {
  // dependency-cruiser and biome are started by scripts/check.mjs; the others are for code and people that come and go.
  ignoreDependencies: ['dependency-cruiser'],
  // Of the system, for a test.
  ignoreBinaries: ['mkfifo', 'unshare', 'setpriv', 'apt-get', 'getent', 'du', 'diff', 'nvidia-smi'],
  // Exported for its test or its type, and used in its own file: not dead.
  ignoreExportsUsedInFile: true,
  workspaces: {
    '.': {
      entry: [
        'scripts/*.{mjs,ts}',
        'test/**/*.test.ts',
        'test/chaos/{main,cluster-demo}.ts',
        'bench/**/*.ts',
        'examples/**/*.ts',
        'bin/drover',
      ],
      project: ['scripts/**/*.{mjs,ts}', 'test/**/*.ts', 'bench/**/*.ts', 'examples/**/*.ts'],
    },
    'packages/head': { ...internal, entry: [...internal.entry, 'src/store/commit-thread.ts'] },
    'packages/drover': {
      ...internal,
      // Installed with the published package: the bundle leaves it out.
      ignoreDependencies: ['libsql'],
      entry: ['src/{bin,index,local,pylet,sky}.ts', ...internal.entry],
    },
    'packages/*': internal,
  },
  ignoreWorkspaces: packages.filter(isPlaceholder).map((name) => `packages/${name}`),
};

export default config;
