import type { Reason } from './policy.js';

/** The members of a union of reasons that may be of this kind. */
export type ReasonOfKind<Why extends Reason, Kind> = Why extends Reason
  ? Kind extends Why['kind']
    ? Why
    : never
  : never;

/** One sentence for every kind of reason; a kind without one does not compile. */
export type Sentences<Why extends Reason> = {
  readonly [Kind in Why['kind']]: (reason: ReasonOfKind<Why, Kind>) => string;
};

/**
 * Makes a function that says why, in one sentence. A kind it does not know, from the journal of a newer release, is shown with its
 * numbers as they stand there.
 *
 * The note tells bundlers that the sentences of a policy which nobody uses need not be made.
 */
/* @__NO_SIDE_EFFECTS__ */
export function explainWith<Why extends Reason>(sentences: Sentences<Why>): (reason: Why) => string {
  const byKind = new Map<string, (reason: Why) => string>(Object.entries(sentences));
  return (reason) => byKind.get(reason.kind)?.(reason) ?? unknownReason(reason);
}

function unknownReason(reason: Reason): string {
  const { kind, ...numbers } = reason;
  return `For the reason '${kind}' ${JSON.stringify(numbers)}.`;
}
