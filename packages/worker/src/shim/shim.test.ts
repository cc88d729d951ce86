import { test } from 'vitest';
import { shimContract } from './contract.ts';
import { nativeShim, shellShims } from './testing.ts';

for (const program of shellShims()) {
  const name = `shim.sh under ${program.slice(0, -1).join(' ')}`;
  shimContract({ name, program, can: { tellSignals: false, adopt: false, ownLog: false } });
}

const native = nativeShim();
if (native.path === null) test('the native shim', (context) => context.skip(native.why));
else
  shimContract({
    name: 'the native one',
    program: [native.path],
    can: { tellSignals: true, adopt: true, ownLog: true },
  });
