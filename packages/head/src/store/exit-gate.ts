/**
 * Lets a database thread finish what it is at before the process ends. `process.exit` stops threads wherever they are,
 * and libsql aborts the whole process (SIGABRT) when that happens inside one of its calls.
 */
const BUSY = 0;
const STOP = 1;
/** Longer than any usual call; a stuck one must not keep the process. */
const WAIT_MS = 3_000;

const watched = new Set<Int32Array>();

/** In the main thread: a gate that is shut when the process exits. It is shared with the thread. */
export function watchGate(): Int32Array {
  if (watched.size === 0) process.on('exit', shutAll);
  const gate = new Int32Array(new SharedArrayBuffer(8));
  watched.add(gate);
  return gate;
}

/** In the main thread, when the thread has ended. */
export function forgetGate(gate: Int32Array): void {
  if (watched.delete(gate) && watched.size === 0) process.off('exit', shutAll);
}

/** In the thread: does the work unless the process is about to end; then nothing runs any more. */
export function passGate(gate: Int32Array, work: () => void): void {
  Atomics.store(gate, BUSY, 1);
  try {
    if (Atomics.load(gate, STOP) === 0) work();
  } finally {
    Atomics.store(gate, BUSY, 0);
    Atomics.notify(gate, BUSY);
  }
}

function shutAll(): void {
  for (const gate of watched) Atomics.store(gate, STOP, 1);
  for (const gate of watched) Atomics.wait(gate, BUSY, 1, WAIT_MS);
}
