import type { Pieces } from '@holdfast/testkit';
import type { WitnessAnswer } from '../../src/index.js';
import { decideWith } from '../../../witness/src/service/decide.js';
import { guards as allGuards, type Guards } from '../../../witness/src/service/guards.js';
import type { GroupRecord } from '../../../witness/src/service/record.js';
import type { WitnessRequest } from '../../../witness/src/service/request.js';
import { once, type Deed } from './policy-bench.js';
import { names, type Ask, type Reply, type Side, type WitnessPart } from './world.js';

type AskDeed = Extract<Deed, { kind: 'ask-witness' }>;

const groupId = 'g';
const members = [...names];

/** The call as it goes over the wire. A first registration talks with the witness's present memory first, as the client does. */
export function requestOf(deed: AskDeed, side: Side, witness: WitnessPart): WitnessRequest {
  const { call, epoch, fromEpoch, lineageId, incarnation, history } = deed;
  if (call === 'status') return { kind: 'status', groupId };
  const first = call === 'register' ? `i${String(witness.incarnation)}` : undefined;
  const known = incarnation ?? first;
  const claim = {
    groupId,
    nodeId: names[side],
    claimId: deed.id,
    epoch,
    lineageId,
    ...(known === undefined ? {} : { incarnation: known }),
  };
  switch (call) {
    case 'register':
    case 'rejoin':
      return { kind: call, ...claim, members };
    case 'promote':
      return { kind: call, ...claim, fromEpoch };
    case 'reassert':
      return { kind: call, ...claim, ...(history === undefined ? {} : { history }) };
  }
}

interface Heard {
  readonly record: GroupRecord | null;
  readonly answer: WitnessAnswer;
}

/** The real decision, computed once for every record and request. */
export class WitnessBench {
  private readonly known = new Map<GroupRecord | null, Map<string, Heard>>();
  private readonly made = new Map<AskDeed, Map<number, Ask>>();

  constructor(
    private readonly pieces: Pieces,
    private readonly guards: Guards = allGuards,
  ) {}

  hear(record: GroupRecord | null, request: WitnessRequest, incarnation: number): Heard {
    const byRequest = this.known.get(record) ?? new Map<string, Heard>();
    this.known.set(record, byRequest);
    const key = `${String(this.pieces.number(request))} ${String(incarnation)}`;
    const known = byRequest.get(key);
    if (known !== undefined) return known;
    const meta = { incarnation: `i${String(incarnation)}` };
    const decision = decideWith(this.guards, record ?? undefined, request, meta);
    const heard = {
      record: decision.record === undefined ? null : this.pieces.same(decision.record),
      answer: this.pieces.same(decision.answer),
    };
    byRequest.set(key, heard);
    return heard;
  }

  /** The call of a deed. A deed comes out of one remembered step only, so it is made once for each life and memory. */
  asked(deed: AskDeed, side: Side, life: number, witness: WitnessPart): Ask {
    const known = once(this.made, deed, () => new Map<number, Ask>());
    return once(known, (witness.incarnation * 64 + life) * 2 + side, () =>
      this.ask({ side, life, effect: deed.id, request: requestOf(deed, side, witness), late: false }),
    );
  }

  reply(reply: Reply): Reply {
    return this.pieces.same(reply);
  }

  ask(ask: Ask): Ask {
    return this.pieces.same(ask);
  }
}

/** Answers the ask with that number, by the real decision. `keeps`: a copy of the request is still under way. */
export function hear(bench: WitnessBench, witness: WitnessPart, index: number, keeps: boolean): WitnessPart {
  const ask = witness.asks[index];
  if (ask === undefined) throw new Error('there is no such request');
  const { request, side, effect } = ask;
  const { record, answer } = bench.hear(witness.record, request, witness.incarnation);
  const left = witness.asks.filter((_, place) => place !== index);
  const reply = bench.reply({ side, effect, answer, late: ask.late });
  return {
    ...witness,
    record,
    owners: withOwner(witness, request, answer),
    asks: keeps ? sorted([...left, bench.ask({ ...ask, late: true })]) : left,
    // A node that knows already that nobody answers hears a late reply as well, and must not mind.
    replies: sortedReplies([...witness.replies, reply]),
  };
}

/** One owner per memory and epoch, for ever. */
function withOwner(witness: WitnessPart, request: WitnessRequest, answer: WitnessAnswer): readonly string[] {
  if (answer.kind !== 'granted' || (request.kind !== 'promote' && request.kind !== 'reassert'))
    return witness.owners;
  const place = `${String(witness.incarnation)}/${String(request.epoch)}`;
  const [first = ''] = witness.owners.filter((owner) => owner.startsWith(`${place} `));
  const owner = `${place} ${request.nodeId}`;
  if (first === owner) return witness.owners;
  if (first !== '') throw new Error(`the witness has named two owners of ${place}: ${first} and ${owner}`);
  return [...witness.owners, owner].sort();
}

export function sorted(asks: readonly Ask[]): readonly Ask[] {
  if (asks.length < 2) return asks;
  return [...asks].sort((one, other) => compare(nameOf(one), nameOf(other)));
}

export function sortedReplies(replies: readonly Reply[]): readonly Reply[] {
  if (replies.length < 2) return replies;
  const byName = new Map(replies.map((reply) => [`${nameOf(reply)} ${reply.answer.kind}`, reply]));
  return [...byName].sort(([one], [other]) => compare(one, other)).map(([, reply]) => reply);
}

function nameOf(letter: Ask | Reply): string {
  return `${letter.effect} ${String(letter.side)} ${'life' in letter ? letter.life : ''} ${String(letter.late)}`;
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

/** Numbers of effects that the witness still speaks of to that life of the node, as bits. */
export function askedBits(witness: WitnessPart, side: Side, bit: (effect: string) => number): number {
  let bits = 0;
  for (const ask of witness.asks) if (ask.side === side) bits |= bit(ask.effect);
  for (const reply of witness.replies) if (reply.side === side) bits |= bit(reply.effect);
  const { record } = witness;
  if (record === null) return bits;
  // A claim is known by its number, so one that the record remembers is not used for another.
  if (record.owner === names[side] && record.claimId !== undefined) bits |= bit(record.claimId);
  for (const closed of record.closedClaims)
    if (closed.startsWith(`${names[side]} `)) bits |= bit(closed.slice(2));
  return bits;
}

/** The life is over: what it asked may still arrive, and nobody waits for the answer. */
export function orphan(bench: WitnessBench, witness: WitnessPart, side: Side): WitnessPart {
  const isConcerned =
    witness.asks.some((ask) => ask.side === side) || witness.replies.some((reply) => reply.side === side);
  if (!isConcerned) return witness;
  return {
    ...witness,
    // Only a claim changes the witness's mind when it comes late.
    asks: sorted(
      witness.asks
        .filter((ask) => ask.side !== side || ask.request.kind !== 'status')
        .map((ask) => (ask.side === side ? bench.ask({ ...ask, late: true }) : ask)),
    ),
    replies: witness.replies.filter((reply) => reply.side !== side),
  };
}

export const freshWitness: WitnessPart = {
  record: null,
  incarnation: 1,
  backup: null,
  asks: [],
  replies: [],
  cut: [false, false],
  owners: [],
};
