import type { GroupEffect, WitnessAnswer, WitnessView } from '../../src/index.js';

type Ask = Extract<
  Extract<GroupEffect, { kind: 'part'; policy: 'ttl-polarization' }>['effect'],
  { kind: 'ask-witness' }
>;

/** What a witness knows, as plain data: it is always there, and never forgets. */
export interface SmallWitness {
  readonly epoch: number;
  readonly lineageId: string;
  readonly owner?: string;
}

/** First asker wins, by the epoch that both last shared; an owner or the sequencer tells it of later ones. */
export function askWitness(
  before: SmallWitness,
  nodeId: string,
  ask: Ask,
): { readonly witness: SmallWitness; readonly answer: WitnessAnswer } {
  const { epoch, fromEpoch, lineageId, call } = ask;
  const isMine = before.owner === nodeId && before.epoch === epoch;
  const say = (witness: SmallWitness, kind: 'granted' | 'denied') => ({
    witness,
    answer: { kind, view: viewOf(witness) },
  });
  switch (call) {
    case 'promote':
      if (isMine) return say({ ...before, lineageId }, 'granted');
      if (before.owner !== undefined || fromEpoch !== before.epoch) return say(before, 'denied');
      return say({ epoch, lineageId, owner: nodeId }, 'granted');
    case 'reassert':
      if (isMine || epoch > before.epoch) return say({ epoch, lineageId, owner: nodeId }, 'granted');
      return say(before, 'denied');
    case 'rejoin':
    case 'register':
      if (epoch <= before.epoch) return say(before, epoch === before.epoch ? 'granted' : 'denied');
      if (before.owner !== undefined && before.owner !== nodeId) return say(before, 'denied');
      // A word of one member counts for both only when it speaks for both.
      return call === 'rejoin' || before.epoch === 0
        ? say({ epoch, lineageId }, 'granted')
        : say(before, 'denied');
    case 'status':
      return say(before, 'granted');
  }
}

function viewOf({ epoch, lineageId, owner }: SmallWitness): WitnessView {
  return {
    state: owner === undefined ? 'REGISTERED' : 'AUTO_PROMOTED',
    incarnation: 'w',
    quarantined: false,
    epoch,
    lineageId,
    members: ['a', 'b'],
    ...(owner === undefined ? {} : { owner }),
  };
}
