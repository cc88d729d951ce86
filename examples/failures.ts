// What goes wrong has a class: the same names as in Python.
import * as pylet from 'drover/pylet';

await attempt('before init', () => pylet.submit('true'));
await attempt('no head there', () => pylet.init('http://127.0.0.1:1'));
await pylet.init();

const failing = await pylet.submit('exit 7');
await failing.wait();
await attempt('waitRunning', () => failing.waitRunning());
await attempt('cancel', () => failing.cancel());
const waiting = await pylet.submit('true', { gpu: 64 });
await attempt('timeout', () => waiting.waitRunning(0.2));
await waiting.cancel();
console.log(`${waiting.displayStatus}, exit code ${waiting.exitCode}`);
await attempt('get', () => pylet.get('nobody'));
await attempt('memory', () => pylet.submit('true', { memory: -1 }));

async function attempt(what: string, fn: () => Promise<unknown>): Promise<void> {
  try {
    await fn();
    console.log(`${what}: no error`);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const more = error instanceof pylet.InstanceFailedError ? `, exit code ${error.instance.exitCode}` : '';
    console.log(`${what}: ${error.name}${more}`);
  }
}
