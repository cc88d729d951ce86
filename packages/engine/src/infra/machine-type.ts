/** One kind of machine that an infra has to offer, at one place. Prices are US dollars per hour. */
export interface MachineType {
  /** `pool/default`, `ssh/lab`, `local`, `fake/demo`. */
  readonly infra: string;
  readonly type: string;
  readonly region: string | null;
  readonly zone: string | null;
  readonly cpus: number;
  readonly memoryMiB: number;
  readonly accelerators: { readonly name: string; readonly count: number } | null;
  readonly pricePerHour: number;
  /** Null: not to be had as spot. */
  readonly spotPricePerHour: number | null;
  /** How many could be had now; null: unknown. */
  readonly available: number | null;
  /** Estimated time until it is ready; null: unknown. */
  readonly startSeconds: number | null;
  /** Null or absent: unknown, so nothing is made of a wish for a disk. */
  readonly diskGiB?: number | null;
}
