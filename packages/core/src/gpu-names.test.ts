import { describe, expect, it } from 'vitest';
import { gpuMatches, gpuName, gpuWish } from './gpu-names.ts';

/** What drivers report, the short name, and what people may write for it. */
const MODELS: [reported: string, name: string, ...wishes: string[]][] = [
  ['NVIDIA H100 80GB HBM3', 'H100', 'h100', 'H100-SXM', 'H100-80GB', 'H100-SXM5', 'H100-80GB-HBM3'],
  ['NVIDIA H100 PCIe', 'H100-PCIE', 'H100', 'H100-PCIe'],
  ['NVIDIA H100 NVL', 'H100-NVL', 'H100-nvl'],
  ['NVIDIA H200', 'H200', 'H200-SXM', 'H200-141GB'],
  ['NVIDIA H200 NVL', 'H200-NVL'],
  ['NVIDIA H20', 'H20'],
  ['NVIDIA GH200 480GB', 'GH200'],
  ['NVIDIA GH200 144G HBM3e', 'GH200-144GB'],
  ['NVIDIA B200', 'B200'],
  ['NVIDIA B300 SXM6 AC', 'B300', 'B300-SXM'],
  ['NVIDIA GB10', 'GB10'],
  ['NVIDIA A100-SXM4-40GB', 'A100', 'a100', 'A100-40GB', 'A100-SXM'],
  ['NVIDIA A100-PCIE-40GB', 'A100-PCIE', 'A100', 'A100-40GB'],
  ['NVIDIA A100-SXM4-80GB', 'A100-80GB', 'a100-80gb', 'A100-80GB-SXM'],
  ['NVIDIA A100 80GB PCIe', 'A100-80GB-PCIE', 'A100-80GB'],
  ['NVIDIA A100-SXM4-40GB MIG 1g.5gb', 'A100-MIG-1g.5gb'],
  ['NVIDIA A10', 'A10'],
  ['NVIDIA A10G', 'A10G', 'a10g'],
  ['NVIDIA A10-24Q', 'A10-24Q'],
  ['NVIDIA L4', 'L4', 'l4'],
  ['NVIDIA L40', 'L40'],
  ['NVIDIA L40S', 'L40S', 'l40s'],
  ['Tesla T4', 'T4'],
  ['Tesla K80', 'K80'],
  ['Tesla P100-PCIE-16GB', 'P100'],
  ['Tesla V100-SXM2-16GB', 'V100', 'V100-16GB'],
  ['Tesla V100-SXM2-32GB', 'V100-32GB'],
  ['NVIDIA GeForce RTX 4090', 'RTX4090', 'rtx4090', 'RTX-4090', 'RTX 4090'],
  ['NVIDIA GeForce RTX 4090 D', 'RTX4090-D'],
  ['NVIDIA GeForce RTX 4090 Laptop GPU', 'RTX4090-Laptop'],
  ['NVIDIA GeForce RTX 3090 Ti', 'RTX3090-Ti', 'RTX3090Ti'],
  ['NVIDIA GeForce RTX 3090', 'RTX3090'],
  ['NVIDIA RTX A6000', 'RTXA6000', 'A6000', 'RTX-A6000'],
  ['NVIDIA RTX 6000 Ada Generation', 'RTX6000-Ada', 'RTX6000Ada'],
  ['Quadro RTX 6000', 'RTX6000'],
  ['NVIDIA RTX PRO 6000 Blackwell Server Edition', 'RTXPRO6000'],
  ['AMD Instinct MI210', 'MI210'],
  ['AMD Instinct MI300X OAM', 'MI300X', 'mi300x'],
];

describe('GPU models', () => {
  it.each(MODELS)('%s is %s', (reported, name, ...wishes) => {
    expect(gpuName(reported)).toBe(name);
    expect(gpuName(name)).toBe(name);
    for (const wish of [name, ...wishes]) {
      expect(gpuMatches(wish, reported), wish).toBe(true);
      expect(gpuMatches(wish, name), wish).toBe(true);
      expect(gpuMatches(gpuWish(wish), reported), wish).toBe(true);
    }
  });

  it('never takes one model for another', () => {
    const wrong: string[] = [];
    for (const [reported, , ...wishes] of MODELS) {
      for (const [other, name] of MODELS) {
        if (other === reported || wishes.includes(name)) continue;
        if (gpuMatches(name, reported) && !isOnlyAnotherForm(name, reported))
          wrong.push(`${name}: ${reported}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('asks for a form only when one is said', () => {
    expect(gpuMatches('H100', 'NVIDIA H100 PCIe')).toBe(true);
    expect(gpuMatches('H100-SXM', 'NVIDIA H100 PCIe')).toBe(false);
    expect(gpuMatches('H100-PCIE', 'NVIDIA H100 80GB HBM3')).toBe(false);
    expect(gpuWish('h100-sxm')).toBe('H100-SXM');
  });

  it('takes a name beyond 255 characters as it is', () => {
    for (const long of [
      `${'a MIG '.repeat(2000)}x`,
      `${'a-MIG-'.repeat(6000)} `,
      `NVIDIA ${'H'.repeat(249)}`,
    ]) {
      expect(gpuName(long)).toBe(long);
      expect(gpuMatches(long, 'NVIDIA H100 80GB HBM3')).toBe(false);
    }
    expect(gpuName(`${'a MIG '.repeat(40)}x`)).toMatch(/^a-MIG-.*-MIG-x$/);
  });

  it('leaves a name that it does not know', () => {
    expect(['tpu-v2-8', 'Inferentia2', 'demo', 'GPU', ''].map(gpuName)).toEqual([
      'tpu-v2-8',
      'Inferentia2',
      'demo',
      'GPU',
      '',
    ]);
  });
});

/** `A100` for a PCIe card is meant: whoever does not say the form takes any. */
const isOnlyAnotherForm = (name: string, reported: string): boolean =>
  gpuName(reported).startsWith(`${name}-PCIE`);
