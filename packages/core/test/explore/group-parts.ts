import type {
  FailbackTuning,
  Gate,
  GroupEffect,
  GroupFact,
  GroupOptions,
  GroupPartEffect,
  GroupPartFact,
  GroupState,
  Introduction,
  PolarizationEffect,
  PolarizationEvent,
  PolarizationMessage,
} from '../../src/index.js';
import { names, sides, type Side } from './world.js';

/*
 * What the policies of a group say and hear, in the words of fault handling. What they ask of the data path, of storages and of hosts
 * is answered at once, by what this node sees at that moment; messages and records take their time like all others.
 */

/** The policies of a group beside fault handling. */
export type GroupParts = Pick<
  GroupOptions,
  'mediatorFallback' | 'plannedFailover' | 'swapRecovery' | 'latencyFailback'
>;

/** Multiples of the unit of the clockwork, like everything else, and none longer than what a state remembers. */
export const movedParts: GroupParts = {
  plannedFailover: {
    members: ['data'],
    timing: {
      prepareTimeoutMs: 40,
      fenceWarnMs: 40,
      fenceLimitMs: 50,
      rollbackTimeoutMs: 100,
      pollIntervalMs: 10,
      persistRetryMs: 10,
      hostIoTimeoutMs: 10_000,
    },
  },
};

export const swappedParts: GroupParts = {
  swapRecovery: {
    first: names[0],
    tuning: {
      stableMs: 20,
      holdDownMs: 30,
      expectedResyncMs: 10,
      restartsWindowMs: 100,
      swapsWindowMs: 100,
      freezeTimeoutMs: 40,
      hostIoTimeoutMs: 10_000,
      pollMs: 10,
      persistRetryMs: 10,
    },
  },
};

/** No window of latencies ever closes: an operator redirects. */
const returnTuning: Partial<FailbackTuning> = {
  windowMs: 10_000,
  probeFreshMs: 10_000,
  decisionWindows: 1,
  dwellMs: 10,
  linkStableMs: 10,
  maxOutOfSyncBytes: 1_000_000,
  maxQuiesceMs: 40,
  hostIoTimeoutMs: 10_000,
  prepareTimeoutMs: 40,
  movesWindowMs: 100,
  abortRetryMs: 10,
  recoveryRetryMs: 10,
  persistRetryMs: 10,
};
export const returnedParts: GroupParts = { latencyFailback: { tuning: returnTuning } };

export const mediatedParts: GroupParts = {
  mediatorFallback: {
    mediators: ['m1'],
    timing: {
      probeIntervalMs: 10,
      probeTimeoutMs: 10,
      downAfterFails: 1,
      downAfterMs: 10,
      reliableAfterAnswers: 1,
      reliableAfterMs: 20,
      proposeIntervalMs: 10,
      proposeTimeoutMs: 30,
      reportFreshMs: 20,
      nonPreferredDelayMs: 10,
      mediateRetryMs: 10,
      startWaitMs: 10,
      watchdogMs: 50,
      persistRetryMs: 10,
      mediatorRestartMs: 10,
    },
  },
};

/** What a node sees of the world at the moment of an event. */
export interface Sight {
  /** The witness answers it. */
  readonly hearsWitness: boolean;
  /** Whose storages are ill. */
  readonly ill: readonly [boolean, boolean];
}

/** Events of a scene that fault handling does not know. */
export type Outside =
  | { readonly kind: 'move' | 'redirect' }
  | { readonly kind: 'storage'; readonly side: Side; readonly ill: boolean };

export type Wrapped =
  | { readonly kind: 'of-group'; readonly message: Extract<GroupFact, { kind: 'peer-message' }>['message'] }
  | { readonly kind: 'of-planned'; readonly message: Message<'planned-failover'> }
  | { readonly kind: 'of-fallback' | 'of-fallback report'; readonly message: Message<'mediator-fallback'> };
type PartFact<Name> = Extract<GroupPartFact, { policy: Name }>['fact'];
type Message<Name> = Extract<PartFact<Name>, { kind: 'peer-message' }>['message'];
type PartWish<Name> = Extract<GroupPartEffect, { policy: Name }>['effect'];

export function factOf(
  { at: _at, sequence: _sequence, ...fact }: PolarizationEvent,
  state: GroupState,
): GroupFact {
  switch (fact.kind) {
    case 'tick':
    case 'peer-disconnected':
    case 'persisted':
    case 'persist-failed':
      return fact;
    case 'peer-connected': {
      const { preferred = names[0], ...introduction } = fact.introduction as Introduction & {
        preferred?: string;
      };
      return { ...fact, introduction: { introduction, preferred } };
    }
    case 'peer-message':
      return heard(fact, state);
    case 'command':
      return told(fact, state);
    default:
      return { kind: 'part', policy: 'ttl-polarization', fact };
  }
}

function heard(
  fact: Extract<PolarizationEvent, { kind: 'peer-message' }> | Heard,
  state: GroupState,
): GroupFact {
  const { session } = fact;
  const message = fact.message as PolarizationMessage | Wrapped;
  switch (message.kind) {
    case 'of-group':
      return { kind: 'peer-message', session, message: message.message };
    case 'of-planned':
      return {
        kind: 'part',
        policy: 'planned-failover',
        fact: { kind: 'peer-message', session, message: message.message },
      };
    case 'of-fallback':
    case 'of-fallback report':
      return {
        kind: 'part',
        policy: 'mediator-fallback',
        fact: { kind: 'peer-message', nodeId: state.self.peerId, message: message.message },
      };
    default:
      return { kind: 'part', policy: 'ttl-polarization', fact: { kind: 'peer-message', session, message } };
  }
}
type Heard = Omit<Extract<PolarizationEvent, { kind: 'peer-message' }>, 'at' | 'sequence'>;

function told(
  fact: Omit<Extract<PolarizationEvent, { kind: 'command' }>, 'at' | 'sequence'>,
  { record }: GroupState,
): GroupFact {
  const { commandId } = fact;
  const outside = fact.command as typeof fact.command | Outside;
  switch (outside.kind) {
    case 'move': {
      const command = { kind: 'start', operationId: 'move' } as const;
      return { kind: 'part', policy: 'planned-failover', fact: { kind: 'command', commandId, command } };
    }
    case 'redirect': {
      const command = { kind: 'redirect', expectedEpoch: record.epoch } as const;
      return { kind: 'part', policy: 'latency-failback', fact: { kind: 'command', commandId, command } };
    }
    case 'storage': {
      const { side, ill } = outside;
      const report = ill ? 'open' : 'resolved';
      const site = side === 0 ? 'first' : 'second';
      return {
        kind: 'part',
        policy: 'swap-recovery',
        fact: { kind: 'health-reported', site, report, ...conditionAt(side) },
      };
    }
    default:
      return { kind: 'part', policy: 'ttl-polarization', fact: { ...fact, command: outside } };
  }
}

function conditionAt(side: Side) {
  return { codeClass: 'rank', token: `at-${names[side]}`, severity: 'acute' } as const;
}

/** The first things that a new life hears. */
export function firstFacts({ swapRecovery }: GroupParts): readonly GroupFact[] {
  if (swapRecovery === undefined) return [];
  const fact = { kind: 'members-changed', volumes: 1, mirrored: 1 } as const;
  return [{ kind: 'part', policy: 'swap-recovery', fact }];
}

// Reasons of the group are not those of fault handling, and nobody here reads them.
const because = { kind: 'mode', mode: 'mirrored', epoch: 0 } as const;

export function wishOf(effect: GroupEffect, { session }: GroupState): PolarizationEffect | undefined {
  const { id } = effect;
  switch (effect.kind) {
    case 'persist':
      return { id, kind: 'persist', record: effect.record, because };
    case 'set-gate':
      return { id, kind: 'set-gate', gate: effect.gate as Gate, because };
    case 'send':
      return sending(id, effect.session, { kind: 'of-group', message: effect.message });
    case 'report':
      return undefined;
    case 'part':
      if (effect.policy === 'ttl-polarization') return effect.effect;
      if (effect.effect.kind !== 'send') return undefined;
      return effect.policy === 'planned-failover'
        ? sending(id, effect.effect.session, { kind: 'of-planned', message: effect.effect.message })
        : fallbackSending(id, session, effect.effect);
  }
}

function fallbackSending(
  id: string,
  session: number | undefined,
  { message }: Extract<PartWish<'mediator-fallback'>, { kind: 'send' }>,
): PolarizationEffect | undefined {
  if (session === undefined) return undefined;
  return sending(id, session, {
    kind: message.kind === 'report' ? 'of-fallback report' : 'of-fallback',
    message,
  });
}

function sending(id: string, session: number, message: Wrapped): PolarizationEffect {
  return { id, kind: 'send', session, message: message as unknown as PolarizationMessage, because };
}

/** What the node is answered at once. */
export function answersTo(effect: GroupEffect, sight: Sight, state: GroupState): readonly GroupFact[] {
  if (effect.kind !== 'part') return [];
  switch (effect.policy) {
    case 'ttl-polarization':
      return effect.effect.kind === 'start-resync' && state.failback !== undefined ? [copied(state)] : [];
    case 'planned-failover':
      return part(effect.policy, plannedAnswer(effect.effect));
    case 'swap-recovery':
      return part(effect.policy, swapAnswer(effect.effect, sight));
    case 'latency-failback':
      return part(effect.policy, failbackAnswer(effect.effect, state));
    case 'mediator-fallback':
      return part(effect.policy, fallbackAnswer(effect.effect, sight));
  }
}

function part<Name extends GroupPartFact['policy']>(
  policy: Name,
  fact: PartFact<Name> | undefined,
): readonly GroupFact[] {
  // The fact is that policy's: the pair is one of the union, which the compiler cannot see through a type parameter.
  return fact === undefined ? [] : [{ kind: 'part', policy, fact } as unknown as GroupFact];
}

/** The copy has begun, and everything but a little is in sync. */
function copied({ failback }: GroupState): GroupFact {
  const generation = Math.max(1, failback?.map.generation ?? 1);
  const report = { generation, outOfSyncBytes: 4096, totalBytes: 1_000_000 } as const;
  return { kind: 'copy-reported', report: { ...report, copiedBytes: 0, dirtiedBytes: 0, copyErrors: 0 } };
}

function plannedAnswer(wish: PartWish<'planned-failover'>): PartFact<'planned-failover'> | undefined {
  switch (wish.kind) {
    case 'check':
      return { kind: 'checked', effect: wish.id, obstacles: [] };
    case 'make-ready':
      return { kind: 'made-ready', effect: wish.id, ready: wish.members, obstacles: [] };
    case 'drain':
      return { kind: 'drained', effect: wish.id, barrierSequence: 1 };
    case 'catch-up':
      return { kind: 'caught-up', effect: wish.id };
    case 'switch-paths':
      return { kind: 'paths-switched', effect: wish.id, warnings: [] };
    default:
      return undefined;
  }
}

function swapAnswer(wish: PartWish<'swap-recovery'>, { ill }: Sight): PartFact<'swap-recovery'> | undefined {
  switch (wish.kind) {
    case 'list-health': {
      const open = sides
        .filter((side) => ill[side] && wish.site === (side === 0 ? 'first' : 'second'))
        .map((side) => conditionAt(side));
      return { kind: 'health-listed', effect: wish.id, open };
    }
    case 'mark-tracks':
      return { kind: 'tracks-marked', effect: wish.id };
    case 'fence-hosts':
      return { kind: 'hosts-fenced', effect: wish.id };
    default:
      return undefined;
  }
}

function failbackAnswer(
  wish: PartWish<'latency-failback'>,
  { failback }: GroupState,
): PartFact<'latency-failback'> | undefined {
  switch (wish.kind) {
    case 'hold-io':
      return { kind: 'drained', effect: wish.id };
    case 'hand-over-map': {
      const outOfSyncBytes = failback?.map.outOfSyncBytes ?? 0;
      return { kind: 'map-handed-over', effect: wish.id, generation: wish.generation + 1, outOfSyncBytes };
    }
    case 'probe':
      return { kind: 'probe-failed', effect: wish.id, detail: 'nobody measures here' };
    default:
      return undefined;
  }
}

function fallbackAnswer(
  wish: PartWish<'mediator-fallback'>,
  { hearsWitness }: Sight,
): PartFact<'mediator-fallback'> | undefined {
  switch (wish.kind) {
    case 'probe': {
      const answer = hearsWitness
        ? ({ kind: 'ok', rttMs: 1 } as const)
        : ({ kind: 'failed', detail: 'no answer' } as const);
      return { kind: 'probed', effect: wish.id, answer };
    }
    case 'enrol': {
      const answer = hearsWitness
        ? ({ kind: 'granted' } as const)
        : ({ kind: 'unknown', detail: 'no answer' } as const);
      return { kind: 'mediated', effect: wish.id, answer };
    }
    default:
      return undefined;
  }
}
