/**
 * The reservation machine: resources on one worker, placed by the scheduler and by nothing else.
 *
 * - WAITING: wanted, not placed. Counts against no worker.
 * - HELD: counts against its worker until the worker says that everything is really free (`release`).
 * - RELEASED: final.
 *
 * Reservations of one gang go from WAITING to HELD in one transaction or not at all.
 */
import { step, type TransitionTable } from './transitions.ts';

/** Where what names no infra is placed: the workers that joined by hand, without a word about their pool. */
export const DEFAULT_PLACE = 'pool/default';

export const RESERVATION_STATUSES = ['WAITING', 'HELD', 'RELEASED'] as const;
export type ReservationStatus = (typeof RESERVATION_STATUSES)[number];
export type ReservationEvent = 'hold' | 'release';

export const RESERVATION_TABLE: TransitionTable<ReservationStatus, ReservationEvent> = {
  WAITING: { hold: 'HELD', release: 'RELEASED' },
  HELD: { hold: null, release: 'RELEASED' },
  RELEASED: { hold: null, release: null },
};

/** @throws {IllegalTransition} */
export const nextReservationStatus = (from: ReservationStatus, event: ReservationEvent): ReservationStatus =>
  step('reservation', RESERVATION_TABLE, from, event);
