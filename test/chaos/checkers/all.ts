/** The checkers of a run, each made anew. */
import {
  anytime_acknowledgedIsThere,
  anytime_attemptNeverBack,
  anytime_liveness,
  anytime_noOvercommit,
  anytime_oneCurrentAttempt,
  anytime_reasonWhileWaiting,
  anytime_resourcesBounded,
  anytime_terminalIsFinal,
} from './anytime.ts';
import type { Checker, Ending, Sample } from './facts.ts';
import {
  finally_logsWhole,
  finally_noGhosts,
  finally_nothingLost,
  finally_oneInstancePerKey,
  finally_startedOnce,
  finally_witnessAgrees,
} from './finally.ts';

const HEAD = { rssMiB: 400, files: 600 };
const WORKER = { rssMiB: 200, files: 400 };
const LIVENESS_MS = 25_000;

export const anytimeCheckers = (): Checker<Sample>[] => [
  anytime_acknowledgedIsThere(),
  anytime_noOvercommit(),
  anytime_oneCurrentAttempt(),
  anytime_terminalIsFinal(),
  anytime_attemptNeverBack(),
  anytime_reasonWhileWaiting(),
  anytime_resourcesBounded(HEAD, WORKER),
  anytime_liveness(LIVENESS_MS),
];

export const finalCheckers = (): Checker<Ending>[] => [
  finally_nothingLost(),
  finally_oneInstancePerKey(),
  finally_startedOnce(),
  finally_witnessAgrees(),
  finally_logsWhole(),
  finally_noGhosts(),
];
