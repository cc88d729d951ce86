/** Where the certificate of a head comes from. */
import type { Served } from './certificate.ts';

export interface CertificateSource {
  /** What clients and workers shall trust, see `parseCa`; null: the authorities of their systems. */
  readonly ca: string | null;
  /** The same as a PEM file on this machine. */
  readonly caFile: string | null;
  /** What is to be served now. */
  readonly current: Served;
  /** How often {@link look} is worth a call. */
  readonly lookEveryMs: number;
  /**
   * Makes or reads what is due. @returns true when {@link current} is another one now
   * @throws {Error} why it could not be replaced; the one before goes on
   */
  look(): Promise<boolean>;
}
