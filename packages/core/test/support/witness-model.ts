import type { WitnessAnswer, WitnessView } from '../../src/index.js';

export interface WitnessQuestion {
  readonly call: 'register' | 'promote' | 'reassert' | 'rejoin' | 'status';
  readonly nodeId: string;
  readonly epoch: number;
  readonly fromEpoch: number;
  readonly lineageId: string;
  readonly incarnation?: string;
  readonly history?: readonly { readonly epoch: number; readonly lineageId: string }[];
}

interface Word {
  readonly epoch: number;
  readonly lineageId: string;
}

/** The witness as the policy may rely on it, in as few lines as that takes: one owner per incarnation and epoch, never stolen. */
export class WitnessModel {
  incarnation = 'w1';
  private state: WitnessView['state'] = 'EMPTY';
  private epoch = 0;
  private lineageId: string | undefined;
  private owner: string | undefined;
  private fromEpoch: number | undefined;
  private quarantined = false;
  private words = new Map<string, Word>();
  /** Owner of every (incarnation, epoch) that was ever granted: a second one is a broken rule. */
  readonly owners = new Map<string, string>();

  constructor(private readonly members: readonly string[]) {}

  /** Comes back with nothing, as a new store. */
  forget(): void {
    const next = Number(this.incarnation.slice(1)) + 1;
    this.incarnation = `w${String(next)}`;
    this.state = 'EMPTY';
    this.epoch = 0;
    this.lineageId = this.owner = this.fromEpoch = undefined;
    this.words.clear();
  }

  /** Comes back without proof that its store is the newest. */
  doubt(): void {
    const next = Number(this.incarnation.slice(1)) + 1;
    this.incarnation = `w${String(next)}`;
    this.quarantined = this.state !== 'EMPTY';
    this.words.clear();
  }

  answer(question: WitnessQuestion): WitnessAnswer {
    if (question.call === 'status') {
      if (this.state === 'EMPTY') return this.say('not-registered');
      return this.say(this.quarantined ? 'quarantined' : 'granted');
    }
    if (question.incarnation !== this.incarnation) return this.say('unknown-incarnation');
    switch (question.call) {
      case 'register':
        return this.register(question);
      case 'promote':
        return this.promote(question);
      case 'reassert':
        return this.reassert(question);
      case 'rejoin':
        return this.rejoin(question);
    }
  }

  private register(q: WitnessQuestion): WitnessAnswer {
    const own = this.words.get(q.nodeId);
    const isCurrent = q.epoch === this.epoch && q.lineageId === this.lineageId;
    const movesOn =
      this.state === 'EMPTY' || q.epoch > this.epoch || (isCurrent && (this.owner ?? q.nodeId) === q.nodeId);
    if ((own !== undefined && own.epoch > q.epoch) || !movesOn) return this.say('denied');
    this.words.set(q.nodeId, { epoch: q.epoch, lineageId: q.lineageId });
    const agree = this.members.every((member) => {
      const word = this.words.get(member);
      return word?.epoch === q.epoch && word.lineageId === q.lineageId;
    });
    if (agree && (this.state === 'EMPTY' || q.epoch > this.epoch || this.state === 'REGISTERED'))
      this.settle(q);
    return this.say('granted');
  }

  private promote(q: WitnessQuestion): WitnessAnswer {
    if (this.state === 'EMPTY') return this.say('not-registered');
    if (this.quarantined) return this.say('quarantined');
    const isMine = this.owner === q.nodeId && this.epoch === q.epoch;
    if (isMine && (this.lineageId === q.lineageId || this.fromEpoch === q.fromEpoch)) {
      this.lineageId = q.lineageId;
      return this.say('granted');
    }
    if (this.state !== 'REGISTERED' || q.fromEpoch !== this.epoch) return this.say('denied');
    return this.own(q, q.fromEpoch);
  }

  private reassert(q: WitnessQuestion): WitnessAnswer {
    if (this.owner === q.nodeId && this.epoch === q.epoch && this.lineageId === q.lineageId) {
      this.quarantined = false;
      return this.say('granted');
    }
    const isNewer = this.state === 'EMPTY' || q.epoch > this.epoch;
    const aboveWords = [...this.words.values()].every((word) => q.epoch > word.epoch);
    const descends =
      this.owner === undefined ||
      this.owner === q.nodeId ||
      (q.history ?? []).some((past) => past.lineageId === this.lineageId);
    if (!isNewer || !aboveWords || !descends) return this.say('denied');
    return this.own(q, undefined);
  }

  private rejoin(q: WitnessQuestion): WitnessAnswer {
    if (this.state === 'EMPTY') return this.say('not-registered');
    if (this.quarantined) return this.say('quarantined');
    if (this.state === 'REGISTERED' && q.epoch === this.epoch && q.lineageId === this.lineageId)
      return this.say('granted');
    if (q.epoch <= this.epoch || (this.owner !== undefined && this.owner !== q.nodeId))
      return this.say('denied');
    this.settle(q);
    return this.say('granted');
  }

  private settle(q: Word): void {
    this.state = 'REGISTERED';
    this.epoch = q.epoch;
    this.lineageId = q.lineageId;
    this.owner = this.fromEpoch = undefined;
    this.quarantined = false;
    for (const member of this.members) this.words.set(member, { epoch: q.epoch, lineageId: q.lineageId });
  }

  private own(q: WitnessQuestion, fromEpoch: number | undefined): WitnessAnswer {
    const key = `${this.incarnation}/${String(q.epoch)}`;
    const before = this.owners.get(key);
    if (before !== undefined && before !== q.nodeId)
      throw new Error(`epoch ${key} has two owners: ${before} and ${q.nodeId}`);
    this.owners.set(key, q.nodeId);
    this.state = 'AUTO_PROMOTED';
    this.epoch = q.epoch;
    this.lineageId = q.lineageId;
    this.owner = q.nodeId;
    this.fromEpoch = fromEpoch;
    this.quarantined = false;
    return this.say('granted');
  }

  private say(kind: Exclude<WitnessAnswer['kind'], 'unreachable'>): WitnessAnswer {
    return {
      kind,
      view: {
        state: this.state,
        incarnation: this.incarnation,
        quarantined: this.quarantined,
        epoch: this.epoch,
        members: this.members,
        ...(this.owner === undefined ? {} : { owner: this.owner }),
        ...(this.lineageId === undefined ? {} : { lineageId: this.lineageId }),
      },
    };
  }
}
