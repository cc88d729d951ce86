/**
 * A total transition table: for each state, for each event, the next state or null where the event is illegal.
 * Totality is checked by the compiler: a new state or event does not build until each pair has its answer.
 */
export type TransitionTable<State extends string, Event extends string> = Readonly<
  Record<State, Readonly<Record<Event, State | null>>>
>;

/** Thrown when code asks a machine for a move that its table forbids. It is always a defect of ours. */
export class IllegalTransition extends Error {
  constructor(machine: string, from: string, event: string) {
    super(`${machine}: "${event}" is illegal in state ${from}`);
    this.name = 'IllegalTransition';
  }
}

/** @returns the state after `event`. @throws {IllegalTransition} where the table says null. */
export function step<State extends string, Event extends string>(
  machine: string,
  table: TransitionTable<State, Event>,
  from: State,
  event: Event,
): State {
  const next = table[from][event];
  if (next === null) throw new IllegalTransition(machine, from, event);
  return next;
}
