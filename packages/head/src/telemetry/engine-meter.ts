/** What the engine tells of its own work, counted. */
import type { Meter, StoreFailure } from '@drover/engine';
import { Histogram, WORK_SECONDS } from './histogram.ts';
import { counted, type Metric, single, spread } from './metric.ts';

const CHANGES = [1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000] as const;
const REFUSALS = ['full', 'busy'] as const satisfies readonly StoreFailure[];

export class EngineMeter implements Meter {
  readonly #commits = new Histogram(WORK_SECONDS);
  readonly #changes = new Histogram(CHANGES);
  readonly #refusals = new Map<string, number>();
  readonly #passes = new Histogram(WORK_SECONDS);
  #placed = 0;
  readonly #orders = new Histogram(WORK_SECONDS);
  #late = 0;
  #archivedBytes = 0;

  committed({ changes, ms }: Parameters<Meter['committed']>[0]): void {
    this.#commits.observe(ms / 1000);
    this.#changes.observe(changes);
  }

  commitRefused(failure: string): void {
    this.#refusals.set(failure, (this.#refusals.get(failure) ?? 0) + 1);
  }

  passed({ placed, ms }: Parameters<Meter['passed']>[0]): void {
    this.#passes.observe(ms / 1000);
    this.#placed += placed;
  }

  ordered({ ms }: Parameters<Meter['ordered']>[0]): void {
    this.#orders.observe(ms / 1000);
  }

  heardLate(): void {
    this.#late += 1;
  }

  archived(bytes: number): void {
    this.#archivedBytes += bytes;
  }

  metrics(): Metric[] {
    return [
      spread(
        'drover_commit_seconds',
        'How long a batch took until it was durable, retries included.',
        this.#commits,
      ),
      spread('drover_commit_changes', 'Changed rows and events of a batch.', this.#changes),
      counted(
        'counter',
        'drover_commit_refusals_total',
        'Batches that the store refused; each is tried again.',
        'failure',
        REFUSALS,
        () => this.#refusals,
      ),
      spread(
        'drover_scheduler_pass_seconds',
        'How long a pass of the scheduler took; its count is the passes.',
        this.#passes,
      ),
      single(
        'counter',
        'drover_scheduler_placements_total',
        'Reservations that the scheduler has placed.',
        () => this.#placed,
      ),
      spread(
        'drover_order_seconds',
        'From the decision to start an attempt until the order had left for its worker.',
        this.#orders,
      ),
      single(
        'counter',
        'drover_link_late_heartbeats_total',
        'Times that a worker was heard only after more than two ping intervals.',
        () => this.#late,
      ),
      single(
        'counter',
        'drover_log_archived_bytes_total',
        'Bytes of logs that have come into the archive.',
        () => this.#archivedBytes,
      ),
    ];
  }
}
