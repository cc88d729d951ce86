/** What a host has, asked by one script that needs nothing but `sh` and `cat`. */
import { gpuName } from '@drover/core';
import { type MachineType, ProviderError } from '@drover/engine';
import type { SshConnection } from './connection.ts';
import type { SshHost } from './pools.ts';

export interface HostFacts {
  /** `x86_64`, `aarch64`. */
  readonly arch: string;
  readonly cpus: number;
  readonly memoryMiB: number;
  readonly accelerators: MachineType['accelerators'];
  readonly home: string;
  /** A Node of its own, with its version; null: none that is new enough. */
  readonly node: string | null;
}

/** The oldest Node that runs a worker. */
const OLDEST_NODE = [20, 19] as const;

const SCRIPT = `
PATH="$PATH:/usr/local/bin:/usr/bin:/bin:/usr/local/cuda/bin"
say() { printf '%s=%s\\n' "$1" "$2"; }
say os "$(uname -s 2>/dev/null)"
say arch "$(uname -m 2>/dev/null)"
say home "$HOME"
cpus=$(nproc 2>/dev/null) || cpus=$(grep -c '^processor' /proc/cpuinfo 2>/dev/null)
say cpus "$cpus"
while read -r key value unit; do
  if [ "$key" = MemTotal: ]; then say memoryKiB "$value"; break; fi
done < /proc/meminfo
mkdir -p "$HOME/.drover" 2>/dev/null && [ -w "$HOME/.drover" ] && say writable yes
node=$(command -v node 2>/dev/null) && say node "$node" && say nodeVersion "$(node --version 2>/dev/null)"
for gpu in "$(nvidia-smi --query-gpu=name --format=csv,noheader 2>/dev/null)"; do
  printf '%s\\n' "$gpu" | while read -r line; do [ -n "$line" ] && say gpu "$line"; done
done
say end yes
`;

/** @throws {ProviderError} INVALID, naming what the host lacks */
export async function probeHost(host: SshHost, connection: SshConnection): Promise<HostFacts> {
  const { stdout, stderr } = await connection.run(SCRIPT);
  const lines = stdout.split('\n').map((line) => line.split(/=(.*)/s).slice(0, 2) as [string, string]);
  const facts = new Map(lines);
  const refuse = (what: string): ProviderError => new ProviderError('INVALID', `${host.name}: ${what}`);
  if (facts.get('end') !== 'yes')
    throw refuse(
      `its login shell does not run scripts${stderr.trim() && `: ${stderr.trim().slice(0, 200)}`}`,
    );
  if (facts.get('os') !== 'Linux')
    throw refuse(`runs ${facts.get('os') || 'no known system'}, and workers need Linux`);
  if (facts.get('writable') !== 'yes')
    throw refuse(`${host.user} cannot write to ${facts.get('home') || 'a home'}: give that user a home`);
  const models = lines.filter(([key]) => key === 'gpu').map(([, model]) => gpuName(model));
  const [name] = models;
  const isOneModel = new Set(models).size === 1 && name !== undefined;
  return {
    arch: facts.get('arch') ?? '',
    cpus: Math.max(1, Number(facts.get('cpus')) || 1),
    memoryMiB: Math.floor(Number(facts.get('memoryKiB')) / 1024) || 0,
    accelerators: isOneModel ? { name, count: models.length } : null,
    home: facts.get('home') ?? '',
    node: isNewEnough(facts.get('nodeVersion')) ? (facts.get('node') ?? null) : null,
  };
}

function isNewEnough(version: string | undefined): boolean {
  const [, major, minor] = /^v(\d+)\.(\d+)\./.exec(version ?? '') ?? [];
  const [oldMajor, oldMinor] = OLDEST_NODE;
  return Number(major) > oldMajor || (Number(major) === oldMajor && Number(minor) >= oldMinor);
}
