import type { Policy, Step } from '../kernel/policy.js';
import { agreedPreference, withRoleOf } from './carry.js';
import { hearCopy, hearFailback } from './failback.js';
import { hearFallback } from './fallback.js';
import { groupInvariants } from './invariants.js';
import type { GroupOptions } from './options.js';
import { hearGroupMessage } from './order.js';
import { bootAll, tickDue } from './parts.js';
import { hearPlanned } from './planned.js';
import { adoptPreference, hearPolarization, noteHeard } from './polarization.js';
import { explainGroup } from './reasons.js';
import { checkGroupVersion } from './record.js';
import { settle, wakeAt } from './settle.js';
import { initialState } from './start.js';
import type { GroupState } from './state.js';
import { hearSwap } from './swap.js';
import { GroupTurn } from './turn.js';
import type { GroupEffect, GroupEvent, GroupPartFact } from './types.js';

/** Handles one event: it is told to whom it concerns, and then everything that follows from it to everybody. */
export function step(state: GroupState, event: GroupEvent): Step<GroupState, GroupEffect> {
  checkGroupVersion('state', state.version);
  const turn = new GroupTurn(state, event);
  if (!state.booted) {
    turn.patch({ booted: true });
    bootAll(turn);
  }
  handle(turn, event);
  settle(turn);
  return turn.end();
}

function handle(turn: GroupTurn, event: GroupEvent): void {
  switch (event.kind) {
    case 'tick':
      tickDue(turn);
      return;
    case 'peer-connected':
      onConnected(turn, event);
      return;
    case 'peer-disconnected':
      onDisconnected(turn, event.session, event.cause);
      return;
    case 'peer-message':
      hearGroupMessage(turn, event.session, event.message);
      return;
    case 'persisted':
      onPersisted(turn, event.effect);
      return;
    case 'persist-failed':
      onPersistFailed(turn, event.effect, event.detail);
      return;
    case 'copy-reported':
      hearCopy(turn, event.report);
      return;
    case 'host-facts-changed':
      turn.patch({ hostFacts: event.facts });
      return;
    case 'part':
      hear(turn, event);
      return;
    default:
      // A kind of a newer release: noted, never a reason to stop.
      turn.absorb(`event ${(event as { kind: string }).kind}`);
  }
}

function hear(turn: GroupTurn, part: GroupPartFact): void {
  const { state } = turn;
  switch (part.policy) {
    case 'ttl-polarization':
      hearPolarization(turn, part.fact);
      return;
    case 'mediator-fallback':
      if (state.fallback === undefined) turn.absorb(part.policy);
      else hearFallback(turn, part.fact);
      return;
    case 'swap-recovery':
      if (state.swap === undefined) turn.absorb(part.policy);
      else hearSwap(turn, part.fact);
      return;
    case 'planned-failover':
      if (state.planned === undefined) turn.absorb(part.policy);
      else hearPlanned(turn, part.fact);
      return;
    case 'latency-failback':
      if (state.failback === undefined) turn.absorb(part.policy);
      else hearFailback(turn, part.fact);
      return;
    default:
      turn.absorb(`policy ${(part as { policy: string }).policy}`);
  }
}

/** Both go by the same preference before they compare what they hold; then every policy has its peer. */
function onConnected(turn: GroupTurn, event: Extract<GroupEvent, { kind: 'peer-connected' }>): void {
  const { session } = event;
  const { introduction, preferred } = event.introduction;
  if (session <= turn.state.polarization.lastSession) {
    turn.absorb('peer-connected');
    return;
  }
  const agreed = agreedPreference(turn.base, introduction.record, preferred);
  adoptPreference(turn, agreed);
  turn.patch({ session });
  noteHeard(turn, introduction);
  const { peerId } = turn.state.self;
  turn.tell({
    policy: 'ttl-polarization',
    fact: {
      kind: 'peer-connected',
      session,
      introduction: withRoleOf({ preferred: agreed }, introduction),
    },
  });
  turn.tell({ policy: 'planned-failover', fact: { kind: 'peer-connected', session } });
  turn.tell({ policy: 'mediator-fallback', fact: { kind: 'peer-connected', nodeId: peerId } });
}

function onDisconnected(turn: GroupTurn, session: number, cause: string): void {
  if (turn.state.session !== session) {
    turn.absorb('peer-disconnected');
    return;
  }
  turn.patch({ session: undefined, heard: undefined });
  const { peerId } = turn.state.self;
  // A fault is told first to whom it concerns most.
  turn.tell({ policy: 'ttl-polarization', fact: { kind: 'peer-disconnected', session, cause } });
  turn.tell({ policy: 'planned-failover', fact: { kind: 'peer-disconnected', session, cause } });
  turn.tell({ policy: 'mediator-fallback', fact: { kind: 'peer-disconnected', nodeId: peerId } });
}

/** The one record is durable: every policy that has written into it hears so. */
function onPersisted(turn: GroupTurn, effect: string): void {
  const { saving } = turn.state;
  if (saving?.effect !== effect) {
    turn.absorb('persisted');
    return;
  }
  turn.patch({ record: saving.record, saving: undefined });
  for (const { policy, effect: inner } of saving.awaiting)
    turn.tell({ policy, fact: { kind: 'persisted', effect: inner } });
}

/** Not known whether it stands on the disk: no later record may be without it, so the whole is written again. */
function onPersistFailed(turn: GroupTurn, effect: string, detail: string): void {
  const { saving, self } = turn.state;
  if (saving?.effect !== effect) {
    turn.absorb('persist-failed');
    return;
  }
  const retryMs = self.persistRetryMs;
  turn.patch({ saving: { ...saving, retryAt: turn.at + retryMs } });
  turn.report('alarm', { kind: 'persist-failed', detail, retryMs });
}

/** Who keeps serving, who may change that, and in which order: the storage policies of one consistency group as one machine. */
export const consistencyGroup: Policy<GroupOptions, GroupState, GroupEvent, GroupEffect> = {
  name: 'consistency-group',
  stateVersion: 1,
  init: initialState,
  step,
  wakeAt,
  explain: explainGroup,
  invariants: groupInvariants,
};
