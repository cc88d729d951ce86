// Submit a command, wait for its end, read its exit code and log.
// Needs a head with a worker: `npx drover up`, then `npx tsx examples/echo.ts` (in this repository with
// `--tsconfig tsconfig.base.json` behind `tsx`, so that `drover` is the built package and not its sources).
import * as pylet from 'drover/pylet';

await pylet.init(); // the head of this machine, or the one that DROVER_HEAD names

const instance = await pylet.submit('echo hello', { cpu: 1 });
await instance.wait();
console.log(`Exit code: ${instance.exitCode}`);
console.log(await instance.logs());

// A list is not read by a shell: each element arrives as it is.
const list = await pylet.submit(['python3', '-c', "import sys; print('hello', sys.argv[1])", '$HOME'], {
  cpu: 1,
});
await list.wait();
console.log(await list.logs());
