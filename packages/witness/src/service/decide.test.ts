import type { WitnessView } from '@holdfast/core';
import { beforeEach, describe, expect, test } from 'vitest';
import { decide, type ServedAnswer } from './decide.js';
import type { GroupRecord, WitnessMeta } from './record.js';
import { forgetAcknowledgement, promoteAcknowledgement, type WitnessRequest } from './request.js';

/** One group at one witness, told as a story. */
class Story {
  record: GroupRecord | undefined;
  meta: WitnessMeta = { incarnation: 'first' };
  private claims = 0;

  ask(request: WitnessRequest): ServedAnswer {
    const { record, answer } = decide(this.record, request, this.meta);
    this.record = record;
    return answer;
  }

  claim(nodeId: string, epoch: number, lineageId: string) {
    this.claims += 1;
    const incarnation = this.view.incarnation;
    return { groupId: 'g', nodeId, claimId: `claim-${this.claims}`, incarnation, epoch, lineageId };
  }

  register(nodeId: string, epoch = 1, lineageId = 'a', members = ['P', 'N']): ServedAnswer['kind'] {
    return this.ask({ kind: 'register', ...this.claim(nodeId, epoch, lineageId), members }).kind;
  }

  promote(nodeId: string, fromEpoch: number, lineageId = `${nodeId}${fromEpoch + 1}`): ServedAnswer['kind'] {
    return this.ask({ kind: 'promote', ...this.claim(nodeId, fromEpoch + 1, lineageId), fromEpoch }).kind;
  }

  reassert(
    nodeId: string,
    epoch: number,
    lineageId: string,
    history: [number, string][] = [],
  ): ServedAnswer['kind'] {
    const past = history.map(([at, lineage]) => ({ epoch: at, lineageId: lineage }));
    return this.ask({ kind: 'reassert', ...this.claim(nodeId, epoch, lineageId), history: past }).kind;
  }

  rejoin(nodeId: string, epoch: number, lineageId: string, members = ['P', 'N']): ServedAnswer['kind'] {
    return this.ask({ kind: 'rejoin', ...this.claim(nodeId, epoch, lineageId), members }).kind;
  }

  get view(): WitnessView {
    return decide(this.record, { kind: 'status', groupId: 'g' }, this.meta).answer.view;
  }

  /** A start that cannot prove its memory. */
  doubt(record = this.record): void {
    this.record = record;
    this.meta = { incarnation: `${this.meta.incarnation}'` };
  }
}

let story: Story;

beforeEach(() => {
  story = new Story();
});

function bothRegistered(epoch = 1, lineageId = 'a'): void {
  expect(story.register('P', epoch, lineageId)).toBe('granted');
  expect(story.register('N', epoch, lineageId)).toBe('granted');
  expect(story.view).toMatchObject({ state: 'REGISTERED', epoch, lineageId, members: ['P', 'N'] });
}

describe('registering', () => {
  test('one word is not enough, two are', () => {
    expect(story.register('P')).toBe('granted');
    expect(story.view.state).toBe('EMPTY');
    expect(story.promote('P', 1)).toBe('not-registered');
    expect(story.register('N')).toBe('granted');
    expect(story.view.state).toBe('REGISTERED');
  });

  test('saying it again changes nothing', () => {
    bothRegistered();
    const before = story.record;
    expect(story.register('P')).toBe('granted');
    expect(story.record).toBe(before);
  });

  test('two that do not agree on epoch or lineage are not a pair', () => {
    story.register('P', 2, 'b');
    story.register('N', 1, 'a');
    expect(story.view.state).toBe('EMPTY');
    expect(story.register('N', 2, 'other')).toBe('granted');
    expect(story.view.state).toBe('EMPTY');
    expect(story.register('N', 2, 'b')).toBe('denied');
    expect(story.register('N', 3, 'b')).toBe('granted');
    expect(story.register('P', 3, 'b')).toBe('granted');
    expect(story.view).toMatchObject({ state: 'REGISTERED', epoch: 3 });
  });

  test('whoever came alone may correct the list of members; a stranger may not', () => {
    story.register('P', 1, 'a', ['P', 'X']);
    expect(story.register('N', 1, 'a')).toBe('denied');
    expect(story.register('P', 1, 'a')).toBe('granted');
    expect(story.register('N', 1, 'a')).toBe('granted');
    expect(story.register('X', 1, 'a', ['P', 'N'])).toBe('not-registered');
    expect(story.register('X', 1, 'a', ['P', 'X'])).toBe('denied');
  });

  test('a newer epoch counts when all have said it', () => {
    bothRegistered();
    story.register('P', 2, 'b');
    expect(story.view.epoch).toBe(1);
    story.register('N', 2, 'b');
    expect(story.view).toMatchObject({ state: 'REGISTERED', epoch: 2, lineageId: 'b' });
    expect(story.register('P', 1, 'a')).toBe('denied');
    expect(story.register('P', 2, 'other')).toBe('denied');
  });
});

describe('asking to be the survivor', () => {
  beforeEach(() => bothRegistered());

  test('the first is granted, the second is denied and told who it is', () => {
    expect(story.promote('N', 1)).toBe('granted');
    const { kind, view } = story.ask({ kind: 'promote', ...story.claim('P', 2, 'P2'), fromEpoch: 1 });
    expect(kind).toBe('denied');
    expect(view).toMatchObject({ state: 'AUTO_PROMOTED', owner: 'N', epoch: 2, lineageId: 'N2' });
  });

  test('the owner may ask again, as often as it likes', () => {
    expect(story.promote('P', 1)).toBe('granted');
    const before = story.record;
    expect(story.promote('P', 1)).toBe('granted');
    expect(story.record).toBe(before);
  });

  test('an owner that died before it wrote the grant down gets it again, under its new lineage', () => {
    const lost = story.claim('P', 2, 'first-life');
    expect(story.ask({ kind: 'promote', ...lost, fromEpoch: 1 }).kind).toBe('granted');
    expect(story.promote('P', 1, 'second-life')).toBe('granted');
    expect(story.view.lineageId).toBe('second-life');
    // A late copy of what the first life had sent does not turn it back.
    expect(story.ask({ kind: 'promote', ...lost, fromEpoch: 1 }).kind).toBe('denied');
    expect(story.view.lineageId).toBe('second-life');
  });

  test('who stands at another epoch than the record is denied', () => {
    expect(story.promote('P', 2)).toBe('denied');
    expect(story.promote('P', 0)).toBe('denied');
  });

  test('what was denied stays denied, also when the record has caught up', () => {
    const early = { kind: 'promote' as const, ...story.claim('P', 3, 'P3'), fromEpoch: 2 };
    expect(story.ask(early).kind).toBe('denied');
    expect(story.rejoin('N', 2, 'b')).toBe('granted');
    expect(story.ask(early).kind).toBe('denied');
    expect(story.promote('P', 2)).toBe('granted');
  });

  test('a denied claim that can never be granted any more is not written down', () => {
    story.promote('P', 1);
    const before = story.record;
    expect(story.promote('N', 1)).toBe('denied');
    expect(story.record).toBe(before);
  });

  test('groups and nodes that nobody registered are told so', () => {
    expect(story.promote('X', 1)).toBe('not-registered');
    expect(new Story().promote('P', 1)).toBe('not-registered');
  });

  test('a claim for another memory changes nothing', () => {
    const { incarnation: _incarnation, ...claim } = story.claim('P', 2, 'P2');
    expect(story.ask({ kind: 'promote', ...claim, fromEpoch: 1 }).kind).toBe('unknown-incarnation');
    const old = { ...claim, incarnation: 'another' };
    const { kind, view } = story.ask({ kind: 'promote', ...old, fromEpoch: 1 });
    expect(kind).toBe('unknown-incarnation');
    expect(view.incarnation).toBe('first');
  });
});

describe('mirroring again', () => {
  beforeEach(() => bothRegistered());

  test('the owner says so, and the next loss starts from there', () => {
    story.promote('P', 1);
    expect(story.rejoin('N', 3, 'c')).toBe('denied');
    expect(story.rejoin('P', 2, 'P2')).toBe('denied');
    expect(story.rejoin('P', 3, 'c')).toBe('granted');
    expect(story.rejoin('P', 3, 'c')).toBe('granted');
    expect(story.rejoin('P', 3, 'other')).toBe('denied');
    expect(story.view).toMatchObject({ state: 'REGISTERED', epoch: 3, lineageId: 'c' });
    expect(story.view.owner).toBeUndefined();
    expect(story.promote('P', 1)).toBe('denied');
    expect(story.promote('N', 3)).toBe('granted');
  });

  test('the words of both do the same', () => {
    story.promote('P', 1);
    story.register('N', 3, 'c');
    expect(story.view.owner).toBe('P');
    story.register('P', 3, 'c');
    expect(story.view).toMatchObject({ state: 'REGISTERED', epoch: 3 });
  });

  test('an owner may come back with another partner; a member of a pair may not exchange the other', () => {
    expect(story.rejoin('P', 2, 'b', ['P', 'X'])).toBe('denied');
    story.promote('P', 1);
    expect(story.rejoin('P', 3, 'c', ['P', 'X'])).toBe('granted');
    expect(story.promote('N', 3)).toBe('not-registered');
    expect(story.promote('X', 3)).toBe('granted');
  });
});

describe('saying again who the owner is', () => {
  test('into an empty memory', () => {
    expect(story.reassert('P', 7, 'x')).toBe('granted');
    expect(story.view).toMatchObject({ state: 'AUTO_PROMOTED', owner: 'P', epoch: 7, members: [] });
    expect(story.register('N', 6, 'y')).toBe('denied');
    expect(story.rejoin('P', 8, 'z')).toBe('granted');
    expect(story.view.members).toEqual(['P', 'N']);
  });

  test('into an empty memory: the loser learns who the owner is, and the words of both name the members', () => {
    story.reassert('P', 7, 'x');
    expect(story.promote('N', 6)).toBe('denied');
    expect(story.rejoin('N', 8, 'z')).toBe('denied');
    expect(story.register('N', 8, 'z', ['N', 'X'])).toBe('denied');
    expect(story.register('N', 8, 'z')).toBe('granted');
    expect(story.register('P', 8, 'z')).toBe('granted');
    expect(story.view).toMatchObject({ state: 'REGISTERED', epoch: 8, members: ['P', 'N'] });
    expect(story.promote('X', 8)).toBe('not-registered');
  });

  test('after a handover that the witness did not see', () => {
    bothRegistered();
    expect(story.reassert('N', 1, 'a')).toBe('denied');
    expect(story.reassert('N', 2, 'b')).toBe('granted');
    expect(story.reassert('P', 2, 'b')).toBe('denied');
    expect(story.reassert('N', 2, 'b')).toBe('granted');
  });

  test('against another owner only with its lineage in the own history', () => {
    bothRegistered();
    story.promote('P', 1);
    expect(story.reassert('N', 3, 'forced')).toBe('denied');
    expect(story.reassert('N', 3, 'forced', [[1, 'a']])).toBe('denied');
    expect(story.reassert('N', 3, 'forced', [[2, 'other']])).toBe('denied');
    expect(story.view.owner).toBe('P');
    const history: [number, string][] = [
      [3, 'c'],
      [2, 'P2'],
      [1, 'a'],
    ];
    expect(story.reassert('N', 4, 'd', history)).toBe('granted');
    expect(story.view).toMatchObject({ owner: 'N', epoch: 4 });
  });

  test('not below what a member has said since', () => {
    story.register('P', 3, 'c');
    expect(story.reassert('N', 2, 'b')).toBe('denied');
    expect(story.reassert('N', 3, 'b')).toBe('denied');
    expect(story.reassert('N', 4, 'd')).toBe('granted');
  });
});

describe('quarantine', () => {
  test('nothing is granted until every member has registered again', () => {
    bothRegistered();
    story.doubt();
    expect(story.view.quarantined).toBe(true);
    expect(story.promote('P', 1)).toBe('quarantined');
    expect(story.rejoin('P', 2, 'b')).toBe('quarantined');
    expect(story.register('P')).toBe('granted');
    expect(story.promote('P', 1)).toBe('quarantined');
    expect(story.register('N')).toBe('granted');
    expect(story.view.quarantined).toBe(false);
    expect(story.promote('P', 1)).toBe('granted');
  });

  test('an old copy: the owner of a later epoch ends it', () => {
    bothRegistered();
    const copy = story.record;
    story.promote('P', 1);
    story.doubt(copy);
    expect(story.promote('N', 1)).toBe('quarantined');
    expect(story.register('N')).toBe('granted');
    expect(story.promote('N', 1)).toBe('quarantined');
    expect(story.reassert('P', 2, 'P2')).toBe('granted');
    expect(story.view).toMatchObject({ quarantined: false, owner: 'P', epoch: 2 });
    expect(story.promote('N', 1)).toBe('denied');
  });

  test('the owner that is recorded ends it by saying so', () => {
    bothRegistered();
    story.promote('P', 1);
    story.doubt();
    expect(story.promote('P', 1)).toBe('quarantined');
    expect(story.reassert('P', 2, 'P2')).toBe('granted');
    expect(story.view.quarantined).toBe(false);
  });

  test('words given to the doubtful memory do not count', () => {
    story.register('P');
    story.doubt();
    story.register('N');
    expect(story.view.state).toBe('EMPTY');
    story.register('P');
    expect(story.view).toMatchObject({ state: 'REGISTERED', quarantined: false });
  });
});

describe('the word of an operator', () => {
  test('promotes, when it is typed for this epoch and this node', () => {
    bothRegistered();
    story.promote('P', 1);
    const claim = story.claim('N', 3, 'forced');
    const ask = (acknowledgement: string, expectedEpoch: number) =>
      story.ask({ kind: 'manual-promote', ...claim, expectedEpoch, acknowledgement }).kind;
    expect(ask('yes', 2)).toBe('denied');
    expect(ask(promoteAcknowledgement('g', 'P'), 2)).toBe('denied');
    expect(ask(promoteAcknowledgement('g', 'N'), 1)).toBe('denied');
    expect(ask(promoteAcknowledgement('g', 'N'), 2)).toBe('granted');
    expect(ask(promoteAcknowledgement('g', 'N'), 2)).toBe('granted');
    expect(story.view).toMatchObject({ state: 'MANUAL_PROMOTED', owner: 'N', epoch: 3 });
    expect(story.reassert('P', 2, 'P2')).toBe('denied');
    expect(story.reassert('N', 3, 'forced')).toBe('granted');
    expect(story.view.state).toBe('MANUAL_PROMOTED');
  });

  test('a grant that an operator has ended is not repeated', () => {
    bothRegistered();
    const claim = { kind: 'promote' as const, ...story.claim('P', 2, 'P2'), fromEpoch: 1 };
    expect(story.ask(claim).kind).toBe('granted');
    const acknowledgement = promoteAcknowledgement('g', 'N');
    const forced = { ...story.claim('N', 3, 'forced'), expectedEpoch: 2, acknowledgement };
    expect(story.ask({ kind: 'manual-promote', ...forced }).kind).toBe('granted');
    expect(story.ask(claim).kind).toBe('denied');
  });

  test('lets a group be forgotten; what was said before does not count for the next one', () => {
    bothRegistered(5, 'old');
    const late = { kind: 'register' as const, ...story.claim('P', 5, 'old'), members: ['P', 'N'] };
    const forget = { kind: 'forget' as const, groupId: 'g', incarnation: 'first', expectedEpoch: 5 };
    expect(story.ask({ ...forget, acknowledgement: 'forget it' }).kind).toBe('denied');
    expect(story.ask({ ...forget, acknowledgement: forgetAcknowledgement('g') }).kind).toBe('granted');
    expect(story.view).toMatchObject({ state: 'EMPTY', epoch: 0, incarnation: 'first.1' });
    expect(story.ask(late).kind).toBe('unknown-incarnation');
    bothRegistered(1, 'new');
  });
});
