/** Broken protocols that another layer shows, where a way is too long for a breadth-first search of seconds. */
export interface Elsewhere {
  readonly name: string;
  readonly without: string;
  /** A file, and the test in it. */
  readonly caughtBy: { readonly file: string; readonly test: string };
}

const stories = 'packages/core/test/ttl-polarization/mutants.test.ts';
const memory = 'packages/witness/test/explore/explore.test.ts';

function story(name: string, without: string, test: string): Elsewhere {
  return { name: `policy: ${name}`, without, caughtBy: { file: stories, test } };
}

function guard(name: string, without: string): Elsewhere {
  return { name: `witness: ${name}`, without, caughtBy: { file: memory, test: name } };
}

export const elsewhere: readonly Elsewhere[] = [
  story(
    'leaseFromReceipt',
    'the lease counts from the sending of the request',
    'the lease counts from the sending of the request',
  ),
  story(
    'noWaitForThePeersLease',
    'nobody opens before the lease of the other has run out',
    'nobody opens before the lease of the peer has run out',
  ),
  story(
    'preparedCountsAsMirrored',
    'a prepared copy is no member before the commit is proved',
    'a prepared copy is no member before the commit is proved',
  ),
  story(
    'otherLineageAccepted',
    'an equal epoch of another lineage counts as lower',
    'an equal epoch of another lineage is not the same epoch',
  ),
  story(
    'grantsWithoutAcknowledgement',
    'grants that nobody acknowledges are not renewed',
    'the preferred node stops granting when nothing is acknowledged',
  ),
  story(
    'lyingDisk',
    'a fence, a consent and a claim are durable before they are said',
    'nothing is said before it is durable',
  ),
  guard('namesIncarnation', 'a claim names the memory that it was composed for'),
  guard('isMember', 'only members are heard'),
  guard('isTrusted', 'a memory in doubt grants nothing'),
  guard('nobodyIsPromoted', 'what somebody holds is never given to another'),
  guard('startsFromRecord', 'a claim starts from the epoch on record'),
  guard('isStillWished', 'a wish that its node has left behind is not granted'),
  guard('isOpen', 'a denied request stays denied'),
  guard('registrationMovesOn', 'a late word does not undo a newer one'),
  guard('allAgree', 'both mirror by the words of both'),
  guard('isAboveRecord', 'an owner claims an epoch above the record'),
  guard('isAboveRegistrations', 'an owner claims an epoch above what members have said'),
  guard('mayRejoin', 'only the owner says that it is not alone any more'),
  guard('descends', "a new owner's copy contains the recorded owner's"),
];

/** Left out, these change nothing: why they are kept all the same. */
export const equivalent: readonly { readonly name: string; readonly why: string }[] = [
  {
    name: 'data: knowsGenerations',
    why: 'alone it changes nothing while the number of the done write is known: the late first copy is answered and not applied. It bounds how long numbers have to be kept. Without both rules see `data: knowsDone`.',
  },
];
