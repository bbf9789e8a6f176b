import type { WitnessAnswer, WitnessClaim, WitnessPort, WitnessView } from '@holdfast/core';
import { check } from '../expect.js';
import type { CaseContext, ConformanceCase, ConformanceFixture } from '../suite.js';

/** What an author gives for each case: a witness that knows nothing yet, and what can be done to it. */
export interface WitnessFixture extends ConformanceFixture {
  /** Opens a way to the witness. Called more than once: two callers must not make two witnesses. */
  open(): Promise<WitnessPort>;
  /** The witness dies and starts again with its memory. Ways that were opened before need not work any more. */
  restart?(): Promise<void>;
  /** The witness loses its memory and starts anew. */
  loseMemory?(): Promise<void>;
  /** From now on nobody hears the witness. */
  silence?(): Promise<void>;
}

export type WitnessContext = CaseContext<WitnessFixture>;
export type WitnessCase = ConformanceCase<WitnessFixture>;

export const MEMBERS = ['north', 'south'] as const;
export type Member = (typeof MEMBERS)[number];

export const peerOf = (member: Member): Member => (member === 'north' ? 'south' : 'north');

export interface ClaimParts {
  readonly groupId?: string;
  readonly nodeId: string;
  readonly epoch: number;
  readonly incarnation: string;
  readonly lineageId?: string;
  readonly claimId?: string;
}

/** A claim with an identity and a lineage of its own, unless they are given. */
export function claimOf(parts: ClaimParts): WitnessClaim & { readonly incarnation: string } {
  const { groupId = 'group', nodeId, epoch } = parts;
  const own = `${nodeId}-${String(epoch)}`;
  return { groupId, lineageId: `lineage-${own}`, claimId: `claim-${own}`, ...parts };
}

/** Both members say that they mirror at epoch 1. Gives back the incarnation of the witness. */
export async function registered(witness: WitnessPort, groupId = 'group'): Promise<string> {
  let incarnation: string | undefined;
  for (const nodeId of MEMBERS) {
    const answer = await witness.register({
      groupId,
      nodeId,
      claimId: `register-${nodeId}`,
      epoch: 1,
      lineageId: 'lineage-1',
      members: MEMBERS,
      ...(incarnation === undefined ? {} : { incarnation }),
    });
    incarnation = granted(answer, `register of ${nodeId}`).incarnation;
  }
  return incarnation ?? '';
}

export function granted(answer: WitnessAnswer, what: string): WitnessView {
  if (answer.kind === 'granted') return answer.view;
  const detail = answer.kind === 'unreachable' ? `: ${answer.detail}` : '';
  check(false, `${what} is answered '${answer.kind}'${detail}, and has to be granted`);
}

export function isAnswered(answer: WitnessAnswer, kind: WitnessAnswer['kind'], what: string): void {
  check(answer.kind === kind, `${what} is answered '${answer.kind}', and has to be '${kind}'`);
}

/** What the witness says it knows. The answer may be any but `unreachable`. */
export async function viewOf(witness: WitnessPort, groupId = 'group'): Promise<WitnessView> {
  const answer = await witness.status(groupId);
  if (answer.kind === 'unreachable') check(false, `the witness does not answer: ${answer.detail}`);
  return answer.view;
}

/** The claim changes nothing: whatever the answer, the witness knows afterwards what it knew before. */
export async function changesNothing(
  witness: WitnessPort,
  call: () => Promise<WitnessAnswer>,
  what: string,
  groupId = 'group',
): Promise<WitnessAnswer> {
  const before = await viewOf(witness, groupId);
  const answer = await call();
  sameView(await viewOf(witness, groupId), before, `after ${what}`);
  return answer;
}

export function sameView(found: WitnessView, expected: WitnessView, when: string): void {
  for (const field of ['state', 'incarnation', 'quarantined', 'epoch', 'owner', 'lineageId'] as const)
    check(
      found[field] === expected[field],
      `${field} is '${String(found[field])}' ${when}, and was '${String(expected[field])}'`,
    );
  check(
    [...found.members].sort().join() === [...expected.members].sort().join(),
    `the members are ${found.members.join(', ')} ${when}, and were ${expected.members.join(', ')}`,
  );
}
