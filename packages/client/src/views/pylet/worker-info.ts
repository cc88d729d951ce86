import type { WorkerView } from '@drover/core/wire';

/** One worker as it was when `workers()` was called. Memory is MiB. */
export class WorkerInfo {
  readonly #view: WorkerView;

  /** For this view only: see `workers`. */
  constructor(view: WorkerView) {
    this.#view = view;
  }

  /** A UUID. */
  get id(): string {
    return this.#view.id;
  }

  /** The address under which its instances are reached. */
  get host(): string {
    return this.#view.host;
  }

  /** ONLINE, SUSPECT or OFFLINE. */
  get status(): WorkerView['status'] {
    return this.#view.status;
  }

  get gpu(): number {
    return this.#view.total.gpus;
  }

  get gpuAvailable(): number {
    return this.#view.available.gpus;
  }

  get cpu(): number {
    return this.#view.total.cpu;
  }

  get cpuAvailable(): number {
    return this.#view.available.cpu;
  }

  get memory(): number {
    return this.#view.total.memoryMiB;
  }

  get memoryAvailable(): number {
    return this.#view.available.memoryMiB;
  }

  get gpuIndicesAvailable(): number[] {
    return [...this.#view.gpuIndicesAvailable];
  }

  toString(): string {
    return `WorkerInfo(id='${this.id}', host='${this.host}', status='${this.status}')`;
  }

  /** What `console.log` shows. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }
}
