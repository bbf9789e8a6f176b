import { unreachable } from '../kernel/assert.js';
import { plannedFailoverClaim } from '../policies/planned-failover/index.js';
import type {
  Introduction,
  PolarizationEffect,
  PolarizationFact,
  PolarizationMessage,
} from '../policies/ttl-polarization/index.js';
import type { WitnessAnswer } from '../ports/witness.js';
import { roleOf, withRole, withRoleOf } from './carry.js';
import { foldPolarization } from './fold.js';
import { groupLockOf, isStepBack, mayClaim, mayOffer } from './lock.js';
import { answerInPlace, claimNeeds, dutyMediator, standsIn, wordsOf } from './models.js';
import { isIll, swapAnswersOf } from './swap.js';
import type { GroupHeld } from './state.js';
import type { GroupTurn } from './turn.js';

/*
 * What the wishes of ttl-polarization mean to the group, and what it is told. It keeps the epoch, and it decides who goes on; the
 * group only lets a claim or an offer wait until what has the group has given way, and answers by the agreed model while no mediator
 * has a say.
 */

const name = 'ttl-polarization';
type Passed = GroupHeld['effect'];
type Ask = Extract<PolarizationEffect, { kind: 'ask-witness' }>;

export function onPolarizationEffect(turn: GroupTurn, effect: PolarizationEffect): void {
  switch (effect.kind) {
    case 'persist':
      onPersist(turn, effect);
      return;
    case 'set-gate':
      turn.noteGate(name, effect.id, { kind: 'by-policy', part: { policy: name, because: effect.because } });
      return;
    case 'ask-witness':
      onAsk(turn, effect);
      return;
    case 'send':
      onSend(turn, effect);
      return;
    case 'answer':
      if (!swapAnswersOf(turn, effect)) pass(turn, effect);
      return;
    case 'report':
      // What the group has said already in its own words.
      if (!(isIll(turn.state) && isAboutWaiting(effect))) pass(turn, effect);
      return;
    case 'drain':
    case 'start-resync':
    case 'stop-resync':
    case 'drop-session':
      pass(turn, effect);
      return;
    default:
      unreachable(effect, 'the group');
  }
}

function isAboutWaiting({ because }: Extract<PolarizationEffect, { kind: 'report' }>): boolean {
  return because.kind === 'sync-refuse' || because.kind === 'sync-propose';
}

function wrapped(turn: GroupTurn, effect: Passed, mediator?: string): GroupHeld {
  const after = turn.afterOf(name, effect.after);
  const id = mediator === undefined ? `${effect.id}/${name}` : `${effect.id}/${name}/${mediator}`;
  return {
    id,
    kind: 'part',
    policy: name,
    effect,
    because: effect.because,
    ...(after.length === 0 ? {} : { after }),
    ...(mediator === undefined ? {} : { mediator }),
  };
}

function pass(turn: GroupTurn, effect: Passed, mediator?: string): void {
  turn.pass(wrapped(turn, effect, mediator));
}

function onPersist(turn: GroupTurn, effect: Extract<PolarizationEffect, { kind: 'persist' }>): void {
  const { base, state } = turn;
  const { planned, self } = state;
  const claim = planned === undefined ? undefined : plannedFailoverClaim(planned);
  // The promised epoch is the one that the source may have committed: there this node is preferred.
  const takes = claim?.lineageId === effect.record.lineageId && effect.record.owner === self.nodeId;
  const from = takes ? { ...base, preferred: self.nodeId } : base;
  turn.write(foldPolarization(from, effect.record), [{ policy: name, effect: effect.id }], {
    kind: 'by-policy',
    part: { policy: name, because: effect.because },
  });
}

function onAsk(turn: GroupTurn, effect: Ask): void {
  const { state } = turn;
  if (effect.call !== 'promote') {
    if (standsIn(state)) tellAnswer(turn, effect, answerInPlace(state, effect));
    else pass(turn, effect, dutyMediator(state));
    return;
  }
  if (mayClaim(state)) claim(turn, effect);
  else hold(turn, effect, `promote`, effect.epoch, 'the operation that has the group has given way');
}

/** A claim for survivorship, with nothing in its way. Under a promise it is made for the very epoch that was promised. */
function claim(turn: GroupTurn, asked: Ask): void {
  const effect = underPromise(turn, asked);
  const { state } = turn;
  const needs = claimNeeds(state);
  const { nodeId } = state.self;
  if (needs.outcome === 'offline') {
    turn.report('alarm', { kind: 'claim-refused', node: nodeId, epoch: effect.epoch, detail: needs.detail });
    tellAnswer(turn, effect, { kind: 'unreachable', detail: needs.detail });
  } else if (needs.outcome === 'survives') {
    const models = wordsOf(state.fallback?.record === undefined ? [] : [state.fallback.record.current.model]);
    turn.report('warning', { kind: 'claim-by-model', node: nodeId, epoch: effect.epoch, models });
    tellAnswer(turn, effect, answerInPlace(state, effect));
  } else {
    const [first] = needs.mediators;
    turn.patch({
      claim: first === undefined ? undefined : { effect: effect.id, granted: [], asked: first },
    });
    pass(turn, effect, first);
  }
}

function underPromise(turn: GroupTurn, effect: Ask): Ask {
  const { planned, polarization } = turn.state;
  const promised = planned === undefined ? undefined : plannedFailoverClaim(planned);
  const { asked, claim: open } = polarization;
  if (promised?.epoch !== effect.epoch || asked === undefined || open === undefined) return effect;
  const { lineageId } = promised;
  turn.patch({
    polarization: { ...polarization, asked: { ...asked, lineageId }, claim: { ...open, lineageId } },
  });
  return { ...effect, lineageId };
}

function tellAnswer(turn: GroupTurn, effect: Ask, answer: WitnessAnswer): void {
  turn.tell({ policy: name, fact: { kind: 'witness-answered', effect: effect.id, answer } });
}

function onSend(turn: GroupTurn, effect: Extract<PolarizationEffect, { kind: 'send' }>): void {
  const { kind } = effect.message;
  const { state } = turn;
  if ((kind === 'offer-win' || kind === 'pause-request') && !mayOffer(state)) {
    hold(turn, effect, kind, effect.message.epoch, 'the operation that has the group has given way');
    return;
  }
  if (effect.message.kind !== 'sync-propose' || !isIll(state)) {
    pass(turn, effect);
    return;
  }
  // Answered as the target would: fault handling proposes again in a while. Said once for each session.
  const { epoch, lineageId } = effect.message;
  const detail = 'swap-recovery has not cleared that storage';
  turn.tell({
    policy: name,
    fact: {
      kind: 'peer-message',
      session: effect.session,
      message: { kind: 'sync-refuse', epoch, lineageId, detail },
    },
  });
  if (state.told.refusedSync === effect.session) return;
  turn.patch({ told: { ...state.told, refusedSync: effect.session } });
  turn.report('warning', { kind: 'resync-waits', site: state.self.peerId });
}

function hold(turn: GroupTurn, effect: Passed, wish: string, epoch: number, until: string): void {
  turn.patch({ held: [...turn.state.held, wrapped(turn, effect)] });
  turn.report('warning', { kind: 'held-back', wish, epoch, until });
}

/** What has waited goes out, or is forgotten when fault handling no longer asks for it. */
export function releaseHeld(turn: GroupTurn): void {
  const { held } = turn.state;
  if (held.length === 0) return;
  for (const one of held) {
    const { effect } = one;
    if (effect.kind === 'ask-witness') {
      if (turn.state.polarization.claim?.effect !== effect.id) drop(turn, one);
      else if (mayClaim(turn.state)) {
        drop(turn, one);
        turn.report('info', { kind: 'let-go', wish: 'promote', epoch: effect.epoch });
        claim(turn, effect);
      }
    } else if (effect.kind === 'send' && isStepBack(effect.message)) {
      const { operation } = turn.state.polarization;
      const { epoch } = effect.message;
      const isWanted = operation?.kind === 'offering' || operation?.kind === 'pausing';
      if (!isWanted || operation.epoch !== epoch) drop(turn, one);
      else if (mayOffer(turn.state)) {
        drop(turn, one);
        turn.report('info', { kind: 'let-go', wish: effect.message.kind, epoch });
        turn.pass(one);
      }
    }
  }
}

function drop(turn: GroupTurn, one: GroupHeld): void {
  turn.patch({ held: turn.state.held.filter((other) => other !== one) });
}

/** A fact for fault handling from outside: most go to it as they are. */
export function hearPolarization(turn: GroupTurn, fact: PolarizationFact): void {
  if (fact.kind === 'peer-message') {
    hearMessage(turn, fact.session, fact.message);
    return;
  }
  if (fact.kind === 'witness-answered' && turn.state.claim?.effect === fact.effect) {
    onClaimAnswer(turn, fact.effect, fact.answer);
    return;
  }
  if (fact.kind === 'resync-caught-up' && groupLockOf(turn.state)?.kind === 'failback') {
    // Both copies are equal: the mirror comes before a redirect, which has nothing to gain any more.
    const { effect, movedBytes } = fact;
    turn.patch({ caughtUp: { effect, movedBytes } });
    return;
  }
  turn.tell({ policy: name, fact });
}

/**
 * A node that stops holds its hosts and flushes for the last time. A gate that something else has set meanwhile, a role that came over
 * perhaps, has ended that: it is wished again, and answered under the same name.
 */
export function drainAgain(turn: GroupTurn): void {
  const { operation, saving } = turn.state.polarization;
  const gate = turn.drainsEndedBy;
  if (gate === undefined || operation?.kind !== 'stopping' || saving?.then.kind === 'stopped') return;
  const because = {
    kind: 'command',
    command: 'shut-down',
    detail: 'host I/O is held again, since the gate has changed meanwhile',
  } as const;
  const effect = { id: operation.effect, kind: 'drain', flush: true, because } as const;
  turn.pass({ id: turn.nextId(), kind: 'part', policy: name, effect, because, after: [gate] });
}

/** What the peer has offered is heard as soon as nothing else has the group here. */
export function releaseOffer(turn: GroupTurn): void {
  const { offered, session } = turn.state;
  if (offered === undefined) return;
  const isOver = offered.session !== session;
  if (!isOver && !mayOffer(turn.state)) return;
  turn.patch({ offered: undefined });
  if (!isOver) turn.tell({ policy: name, fact: { kind: 'peer-message', ...offered } });
}

/** The redirect has given way, or its commit is known: now the mirror may begin. */
export function releaseCaughtUp(turn: GroupTurn): void {
  const { caughtUp, polarization } = turn.state;
  if (caughtUp === undefined) return;
  const isOver = polarization.resync?.effect !== caughtUp.effect;
  if (!isOver && (groupLockOf(turn.state) !== undefined || turn.state.passing !== undefined)) return;
  turn.patch({ caughtUp: undefined });
  if (!isOver) turn.tell({ policy: name, fact: { kind: 'resync-caught-up', ...caughtUp } });
}

function hearMessage(turn: GroupTurn, session: number, message: PolarizationMessage): void {
  const { state } = turn;
  if (message.kind === 'mode-changed' && session === state.session) noteHeard(turn, message.introduction);
  if (message.kind === 'mode-changed' && isPassage(turn, message.introduction)) return;
  if (isStepBack(message) && !mayOffer(state)) {
    // The operation that this node has a part in has given way over there already: here its end is still being written.
    turn.patch({ offered: { session, message } });
    return;
  }
  const heard =
    message.kind === 'mode-changed'
      ? // By what was agreed on in this session, whether or not it is on the disk already.
        { ...message, introduction: withRoleOf(turn.base, message.introduction) }
      : message;
  turn.tell({ policy: name, fact: { kind: 'peer-message', session, message: heard } });
}

export function noteHeard(turn: GroupTurn, { record, mode }: Introduction): void {
  const { epoch, lineageId } = record;
  turn.patch({ heard: { epoch, lineageId, mode } });
}

/**
 * The two pass from one epoch to the next by agreement, and one of them is there already. Fault handling is told when both are: until
 * then it would take the other for somebody who has moved on alone.
 */
function isPassage(turn: GroupTurn, theirs: Introduction): boolean {
  const { planned, record, polarization } = turn.state;
  if (polarization.mode !== 'mirrored' || theirs.mode !== 'mirrored') return false;
  const next = planned?.record.operation?.next ?? planned?.record.preparation?.next;
  const ahead = next ?? (planned?.record.grant === undefined ? undefined : record);
  if (ahead === undefined) return false;
  const isAhead = theirs.record.epoch === ahead.epoch && theirs.record.lineageId === ahead.lineageId;
  const isBehind = theirs.record.epoch === ahead.epoch - 1;
  return isAhead
    ? polarization.record.epoch < ahead.epoch
    : isBehind && polarization.record.epoch === ahead.epoch;
}

/** While a switch from one mediator to another is not agreed by all, both have to grant. */
function onClaimAnswer(turn: GroupTurn, effect: string, answer: WitnessAnswer): void {
  const { claim: open, polarization } = turn.state;
  const asked = polarization.claim;
  if (open === undefined || asked === undefined) return;
  const granted = answer.kind === 'granted' ? [...open.granted, open.asked] : open.granted;
  const next = claimNeeds(turn.state).mediators.find((id) => !granted.includes(id));
  if (answer.kind !== 'granted' || next === undefined) {
    turn.patch({ claim: undefined });
    turn.tell({ policy: name, fact: { kind: 'witness-answered', effect, answer } });
    return;
  }
  turn.patch({ claim: { effect, granted, asked: next } });
  const { incarnation } = polarization.witness;
  const { call, epoch, lineageId } = asked;
  pass(
    turn,
    {
      id: effect,
      kind: 'ask-witness',
      call,
      epoch,
      fromEpoch: polarization.record.epoch,
      lineageId,
      ...(incarnation === undefined ? {} : { incarnation }),
      because: {
        kind: 'ladder',
        role: polarization.self.role,
        level: polarization.health.level,
        waitedMs: turn.at - (polarization.loss?.at ?? polarization.startedAt),
        fromEpoch: polarization.record.epoch,
        epoch,
      },
    },
    next,
  );
}

/** Both nodes are to go by the same preference before they compare their records. */
export function adoptPreference(turn: GroupTurn, preferred: string): void {
  const { state, base } = turn;
  const { polarization, self } = state;
  if (base.preferred !== preferred) {
    const { epoch } = base;
    turn.write({ ...base, preferred }, [], { kind: 'preference-agreed', preferred, epoch });
    turn.report('info', { kind: 'preference-agreed', preferred, epoch });
  }
  const role = roleOf({ ...state.record, preferred }, self.nodeId);
  if (polarization.self.role !== role) turn.patch({ polarization: withRole(polarization, role, turn.at) });
}
