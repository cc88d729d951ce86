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
    writeFileSync(join(dir, 'block.ts'), blocks[0] ?? '');
    const { stdout } = await promisify(execFile)(join(root, 'node_modules/.bin/tsx'), [
      join(dir, 'block.ts'),
    ]);
    expect(stdout).toMatch(/^COMPLETED 0 42\n\nlistening on [\d.]+:\d+\nCANCELLED\n$/);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
