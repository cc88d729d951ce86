/** Where the workers that this head starts find it. */
export interface HeadPlace {
  readonly url: string;
  /** The authority that they shall trust, see `parseCa`; null: plain HTTP, or what their systems trust. */
  readonly ca: string | null;
}
