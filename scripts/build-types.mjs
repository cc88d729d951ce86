// Bundles the declarations of the published entry points into packages/drover/dist/types. Slow, so it is not part of `npm run build`.
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rollup } from 'rollup';
import { dts } from 'rollup-plugin-dts';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const published = join(root, 'packages/drover');
const { dependencies = {} } = JSON.parse(readFileSync(join(published, 'package.json'), 'utf8'));

const input = {};
for (const name of ['index', 'local', 'pylet', 'sky']) {
  const path = join(published, 'src', `${name}.ts`);
  if (existsSync(path)) input[name] = path;
  else console.log(`build:types: skipped packages/drover/src/${name}.ts (does not exist yet)`);
}
if (Object.keys(input).length > 0) {
  const bundle = await rollup({
    input,
    external: (id) => id.startsWith('node:') || Object.hasOwn(dependencies, id),
    // The types of zod reach the client through core/wire; the published package does not depend on it, so they are bundled.
    plugins: [dts({ tsconfig: join(root, 'tsconfig.base.json'), respectExternal: true })],
    onwarn: (warning) => {
      if (warning.code === 'UNRESOLVED_IMPORT') throw new Error(`build:types: ${warning.message}`);
      if (warning.code !== 'CIRCULAR_DEPENDENCY' && warning.code !== 'EMPTY_BUNDLE')
        console.warn(`build:types: ${warning.message}`);
    },
  });
  const dir = join(published, 'dist/types');
  rmSync(dir, { recursive: true, force: true });
  // `await using` needs a library that few projects name themselves.
  const banner = '/// <reference lib="esnext.disposable" />';
  const { output } = await bundle.write({ dir, format: 'es', banner });
  console.log(`build:types: ${output.map((file) => file.fileName).join(', ')} -> packages/drover/dist/types`);
}
