/** Every TypeScript block of the README runs as it stands. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { transform } from 'esbuild';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const blocks = [...readFileSync(join(root, 'README.md'), 'utf8').matchAll(/```ts\n([\s\S]*?)```/g)].map(
  (match) => match[1] ?? '',
);

it('the SDK in twenty lines does what it says', async () => {
  expect(blocks).toHaveLength(1);
  const dir = mkdtempSync(join(root, 'test/examples/.readme-'));
  try {
    // As a user's build would: types stripped, `await using` made plain for Node 20, `drover` from node_modules.
    const { code } = await transform(blocks[0] ?? '', { loader: 'ts', target: 'node20', format: 'esm' });
    writeFileSync(join(dir, 'block.mjs'), code);
    const { stdout } = await promisify(execFile)(process.execPath, [join(dir, 'block.mjs')]);
    expect(stdout).toMatch(/^COMPLETED 0 42\n\nlistening on [\d.]+:\d+\nCANCELLED\n$/);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
