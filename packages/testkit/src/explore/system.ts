/** Writes the parts of a state, one 32-bit word after the other. */
export interface KeyWriter {
  /** A whole number that fits into 32 bits, with or without a sign. */
  word(value: number): void;
}

/** Reads the words of a key in the order in which they were written. */
export interface KeyReader {
  word(): number;
  /** Words that have not been read. */
  readonly left: number;
}

/**
 * States as words. Two states are the same for an explorer exactly when their words are; `read` gives back a state that behaves like the
 * one that was written. `checkCodec` tests both.
 */
export interface StateCodec<State> {
  write(state: State, key: KeyWriter): void;
  read(key: KeyReader): State;
}

/** A statement that must hold in every reachable state. */
export interface SystemInvariant<State> {
  readonly name: string;
  /** Undefined when it holds; otherwise what is broken, with the values. */
  check(state: State): string | undefined;
}

/** A state that must be reached by some way: what never happens in an exploration was not explored. */
export interface Landmark<State> {
  readonly name: string;
  isReached(state: State): boolean;
}

/** What happens when nothing more goes wrong: one fixed schedule, by which a good state must be reached from every state. */
export interface CalmSchedule<State, Choice> {
  readonly name: string;
  isGood(state: State): boolean;
  /** The next step of the schedule, whether or not it is among `choices`; undefined when it has none. */
  choose(state: State): Choice | undefined;
  /** Steps after which the schedule is taken to go round in circles. */
  readonly stepsMax: number;
}

/**
 * Everything that can happen, as data and pure functions. Nondeterminism is in `choices` alone: `apply` gives the same state for the same
 * arguments. Whatever `apply` or an invariant throws counts as a broken rule, so the assertions of real code are explored with it.
 */
export interface ExplorableSystem<State, Choice> {
  readonly name: string;
  /** What was left out on purpose: 'at most 2 crashes', ... Printed with every result, since an exhausted system is exhausted within these only. */
  readonly limits: readonly string[];
  initial(): Iterable<State>;
  /** Everything that may happen next, in a fixed order. */
  choices(state: State): readonly Choice[];
  apply(state: State, choice: Choice): State;
  readonly codec: StateCodec<State>;
  /** The one state that stands for all that are equal but for names. Default: the state itself. */
  representative?(state: State): State;
  readonly invariants: readonly SystemInvariant<State>[];
  /** One line of a story. */
  describe(choice: Choice): string;
  /** Kind of a choice, for counting. Default: its description. */
  label?(choice: Choice): string;
  readonly landmarks?: readonly Landmark<State>[];
  readonly calm?: CalmSchedule<State, Choice>;
}
