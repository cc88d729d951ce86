import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { detectGpus, parseGpuFlag } from './devices.ts';
import { GpuMemory } from './gpu-memory.ts';
import { MemoryLogger } from './testing.ts';

let bin: string;
let logger: MemoryLogger;
beforeEach(() => {
  bin = mkdtempSync(join(tmpdir(), 'drover-bin-'));
  logger = new MemoryLogger();
});
afterEach(() => rmSync(bin, { recursive: true, force: true }));

function tool(name: string, script: string): void {
  writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(bin, name), 0o755);
}
const print = (text: string): string =>
  `while IFS= read -r l; do printf '%s\\n' "$l"; done <<'END'\n${text}\nEND`;

test('nvidia-smi: count, model, memory, compute capability, UUID', async () => {
  tool(
    'nvidia-smi',
    print(
      [
        '0, NVIDIA H100 80GB HBM3, 81559, GPU-2a134a2e-6d3c-cb7e-3c2e-5e4e4a5a5d3b, 9.0',
        '1, NVIDIA GB10, [N/A], GPU-7c1d51b7-50c1-4b6f-b9b8-8a8f1c8a7a11, 12.1',
      ].join('\n'),
    ),
  );
  expect(await detectGpus(logger, bin)).toEqual([
    {
      index: 0,
      model: 'NVIDIA H100 80GB HBM3',
      memoryMiB: 81_559,
      computeCapability: '9.0',
      uuid: 'GPU-2a134a2e-6d3c-cb7e-3c2e-5e4e4a5a5d3b',
    },
    {
      index: 1,
      model: 'NVIDIA GB10',
      memoryMiB: null,
      computeCapability: '12.1',
      uuid: 'GPU-7c1d51b7-50c1-4b6f-b9b8-8a8f1c8a7a11',
    },
  ]);
  expect(logger.lines).toEqual([]);
});

test('an old nvidia-smi that does not know compute_cap is asked again without it', async () => {
  tool(
    'nvidia-smi',
    `case $1 in *compute_cap*) echo 'Field "compute_cap" is not a valid field to query.'; echo; exit 2;; esac
${print('0, Tesla K80, 11441, GPU-d0c1cd2c-0f4b-5b0b-9d3e-2a5ec3a6f1a0')}`,
  );
  expect(await detectGpus(logger, bin)).toMatchObject([
    { model: 'Tesla K80', memoryMiB: 11_441, computeCapability: null },
  ]);
});

test('no tool means no GPU; a broken one too, with a warning', async () => {
  expect(await detectGpus(logger, bin)).toEqual([]);
  expect(logger.lines).toEqual([]);
  tool(
    'nvidia-smi',
    `echo "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver."; exit 9`,
  );
  expect(await detectGpus(logger, bin)).toEqual([]);
  expect(logger.lines.join()).toContain("couldn't communicate");
  tool('nvidia-smi', 'echo No devices were found');
  expect(await detectGpus(logger, bin)).toEqual([]);
});

test('rocm-smi: JSON of cards, with warnings before it', async () => {
  const cards = {
    card1: {
      'Unique ID': '0x9f3ba2ed4da4a44f',
      'VRAM Total Memory (B)': '68702699520',
      'Card Series': 'AMD Instinct MI210',
      'GFX Version': 'gfx90a',
    },
    card0: {
      'Unique ID': 'N/A',
      'VRAM Total Memory (B)': '68702699520',
      'Card series': 'AMD Instinct MI210',
      'Card model': '0x0c34',
    },
    system: { 'Driver version': '6.3.6' },
  };
  tool(
    'rocm-smi',
    print(
      `WARNING: AMD GPU device(s) is/are in a low-power state. Check power control/runtime_status\n\n${JSON.stringify(cards)}`,
    ),
  );
  expect(await detectGpus(logger, bin)).toEqual([
    { index: 0, model: 'AMD Instinct MI210', memoryMiB: 65_520, computeCapability: null, uuid: null },
    {
      index: 1,
      model: 'AMD Instinct MI210',
      memoryMiB: 65_520,
      computeCapability: 'gfx90a',
      uuid: '0x9f3ba2ed4da4a44f',
    },
  ]);
});

test('device memory is held while one of the pids is listed', async () => {
  expect(await new GpuMemory(bin).isHeldBy(new Set([12]))).toBe(false);
  tool('nvidia-smi', print('12\n345'));
  expect(await new GpuMemory(bin).isHeldBy(new Set([1, 345]))).toBe(true);
  expect(await new GpuMemory(bin).isHeldBy(new Set([34]))).toBe(false);
});

test('GPUs are given by flag', () => {
  expect(parseGpuFlag('none')).toEqual([]);
  expect(parseGpuFlag('0')).toEqual([]);
  expect(parseGpuFlag('4').map((gpu) => gpu.index)).toEqual([0, 1, 2, 3]);
  const a100 = { model: 'A100', memoryMiB: 81_920, computeCapability: null, uuid: null };
  expect(parseGpuFlag('2xA100:80GB')).toEqual([
    { index: 0, ...a100 },
    { index: 1, ...a100 },
  ]);
  expect(parseGpuFlag('1xRTX 4090:24564MiB')).toMatchObject([{ model: 'RTX 4090', memoryMiB: 24_564 }]);
  for (const bad of ['', '-1', 'A100', '2x', '2xA100:', '2xA100:80', '5000', '1.5']) {
    expect(() => parseGpuFlag(bad)).toThrow(`--gpus ${bad}: expected`);
  }
});
