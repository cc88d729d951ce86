// Run a command in a virtualenv that is there: `npx tsx examples/virtualenv.ts /home/user/my-venv`.
import * as pylet from 'drover/pylet';

const venv = process.argv[2];
if (venv === undefined) throw new Error('give the absolute path of a virtualenv');

await pylet.init();
const instance = await pylet.submit("python -c 'import sys; print(sys.prefix)'", { venv });
await instance.wait();
console.log(`prefix: ${(await instance.logs()).trim()}`);

try {
  await pylet.submit('true', { venv: 'relative/path' });
} catch (error) {
  if (!(error instanceof pylet.ValueError)) throw error;
  console.log(`refused: ${error.field}`);
}
