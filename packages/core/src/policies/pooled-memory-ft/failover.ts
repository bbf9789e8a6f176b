import { placeSecondary } from './place.js';
import type { WriterProof } from './reasons.js';
import { needSecondary } from './protect.js';
import type { PooledMemoryEvent } from './types.js';
import type { Turn } from './turn.js';

type EventOf<Kind extends PooledMemoryEvent['kind']> = Extract<PooledMemoryEvent, { kind: Kind }>;

const running = ['protected', 'starting', 'needSecondary'];

/** The pool's heartbeat decides. A host that only the network has lost still writes. */
export function onHostHeard(turn: Turn, event: EventOf<'host-heard'>): void {
  const { state, record } = turn;
  const { mode, suspect, self } = state;
  if (event.host !== record.primary) {
    turn.absorb('word about another host');
    return;
  }
  if (event.pool === 'alive') {
    if (mode === 'fencing' && state.proof === undefined) backAgain(turn, event);
    else if (event.network === 'silent' && running.includes(mode)) isolated(turn, event.host);
    return;
  }
  if (event.pool === 'silent' && event.silentMs < self.tuning.suspectAfterMs) return;
  if (running.includes(mode)) {
    const because = {
      kind: 'suspect',
      host: event.host,
      silentMs: event.silentMs,
      suspectAfterMs: self.tuning.suspectAfterMs,
    } as const;
    turn.patch({
      mode: 'fencing',
      suspect: { heardAt: turn.at - event.silentMs, silentMs: event.silentMs, lockAsked: false },
      checkpoint: undefined,
      proof: undefined,
      call: undefined,
    });
    turn.report('warning', because);
  } else if (mode === 'fencing' && suspect !== undefined) {
    turn.patch({ suspect: { ...suspect, silentMs: event.silentMs } });
  } else {
    turn.absorb('silence while nobody watches');
    return;
  }
  if (event.pool === 'cut') fence(turn, 'it cannot reach the pool');
}

function backAgain(turn: Turn, { host, silentMs }: EventOf<'host-heard'>): void {
  const { secondary } = turn.state;
  const isWhole = secondary?.isAttached === true && turn.record.current !== undefined;
  turn.patch({
    mode: isWhole ? 'protected' : 'needSecondary',
    suspect: undefined,
    call: undefined,
    secondaryAt: turn.at,
    checkpointAt: turn.at,
  });
  turn.report('info', { kind: 'primary-back', host, silentMs });
}

function isolated(turn: Turn, host: string): void {
  const { self, mode, switchOver } = turn.state;
  const moves = self.tuning.onIsolation === 'demote' && mode === 'protected';
  turn.report('warning', {
    kind: 'isolated',
    host,
    action: moves ? 'it is asked to stop in order' : 'it keeps the machine',
  });
  if (moves && switchOver === undefined) turn.patch({ switchOver: 'isolation' });
}

/** Silence is long enough: whoever gets the lock, or outlives the lease, has proof. */
export function proveIfDue(turn: Turn): void {
  const { state } = turn;
  const { mode, suspect, proof, self, call } = state;
  if (mode !== 'fencing' || suspect === undefined || proof !== undefined) return;
  const { deadAfterMs, leaseMs, guardMs } = self.tuning;
  const silentMs = turn.at - suspect.heardAt;
  if (!turn.guards.needsProof) {
    fence(turn, 'its lease is over');
  } else if (turn.at >= suspect.heardAt + Math.max(leaseMs + guardMs, deadAfterMs)) {
    fence(turn, 'its lease is over');
  } else if (silentMs >= deadAfterMs && !suspect.lockAsked && call === undefined) {
    const { primary } = turn.record;
    turn.call({ kind: 'take-pool-lock', host: primary }, { kind: 'ask-lock', host: primary, silentMs });
    turn.patch({ suspect: { ...suspect, lockAsked: true } });
  }
}

/** It is proved that the writer writes nothing that counts: now the epoch may be raised. From here on there is no way back. */
export function fence(turn: Turn, proof: WriterProof): void {
  const { epoch, primary } = turn.record;
  turn.patch({
    mode: 'fencing',
    proof,
    checkpoint: undefined,
    suspect: turn.state.suspect ?? { heardAt: turn.at, silentMs: 0, lockAsked: true },
  });
  turn.call(
    { kind: 'raise-epoch', from: epoch, to: epoch + 1 },
    { kind: 'fence', host: primary, proof, epoch: epoch + 1 },
  );
  if (!turn.guards.epochIsRaisedFirst) takeOver(turn, epoch + 1);
}

export function onEpochRaised(turn: Turn, effect: string): void {
  if (turn.answers(effect) && turn.state.mode === 'fencing') takeOver(turn, turn.record.epoch + 1);
}

export function onEpochRefused(turn: Turn, event: EventOf<'epoch-refused'>): void {
  if (!turn.answers(event.effect)) return;
  if (event.epoch === turn.record.epoch + 1 && turn.state.proof === undefined) return;
  turn.patch({ mode: 'superseded', suspect: undefined, proof: undefined });
  turn.report('alarm', { kind: 'epoch-lost', epoch: event.epoch, own: turn.record.epoch });
}

/** Who goes on: the secondary, or, when it is gone too, any host that may. From the last sealed generation, never from live memory. */
function takeOver(turn: Turn, epoch: number): void {
  const { state, record } = turn;
  const { current, primary, formerWriters = [] } = record;
  const cold = placeSecondary(state.hosts, primary, formerWriters, state.self).host?.id;
  const to = state.secondary?.isAttached === true ? state.secondary.host : cold;
  if (current === undefined || to === undefined) {
    turn.patch({ mode: 'failed' });
    const detail = current === undefined ? 'there is no sealed generation' : 'no host may carry the machine';
    turn.report('alarm', { kind: 'no-generation', detail });
    turn.save({ epoch }, { kind: 'no-generation', detail });
    return;
  }
  turn.patch({ mode: 'promoting' });
  const isGone = state.proof === 'its end was observed';
  const because = { kind: 'take-over', host: to, generation: current, epoch } as const;
  const writers = [...formerWriters.filter((host) => host !== to), ...(isGone ? [] : [primary])].slice(-16);
  turn.save(
    { epoch, promoting: { to, generation: current, into: nextClone(turn, current) }, formerWriters: writers },
    because,
  );
  if (!turn.guards.recordIsDurableFirst) promote(turn);
}

/** Never the file of a checkpoint: one above the newest may have been sealed without anybody hearing of it. */
function nextClone(turn: Turn, generation: number): number {
  const { current = 0, live = 0, promoting } = turn.record;
  return Math.max(generation, current, live, promoting?.into ?? 0) + 2;
}

/** Durable: the waiting process ends, and one starts that may write a clone. */
export function promote(turn: Turn): void {
  const { promoting, epoch } = turn.record;
  if (promoting === undefined || turn.state.mode !== 'promoting') return;
  const { to, generation } = promoting;
  const into = turn.guards.clones ? promoting.into : generation;
  turn.call(
    { kind: 'promote', host: to, epoch, generation, into },
    { kind: 'take-over', host: to, generation, epoch },
  );
}

export function onPromoted(turn: Turn, event: EventOf<'promoted'>): void {
  const { promoting, primary } = turn.record;
  if (!turn.answers(event.effect) || promoting === undefined) return;
  const { switchOver, self } = turn.state;
  // The former host is not chosen again before it has been reported again.
  turn.patch({ hosts: turn.state.hosts.filter(({ id }) => id !== primary) });
  const because = {
    kind: 'promoted',
    host: promoting.to,
    generation: promoting.generation,
    guestTimeGapMs: event.guestTimeGapMs,
  } as const;
  turn.save({ primary: promoting.to, current: promoting.generation, live: promoting.into }, because, [
    'promoting',
    'previous',
  ]);
  for (const host of turn.record.formerWriters ?? [])
    turn.wish({ kind: 'kill-writer', host, belowEpoch: turn.record.epoch }, because);
  turn.report('alarm', because);
  turn.patch({
    secondary: undefined,
    suspect: undefined,
    proof: undefined,
    failures: 0,
    checkpointAt: turn.at,
    intervalMs: self.tuning.checkpointIntervalMs,
  });
  if (switchOver !== undefined && switchOver !== 'isolation')
    turn.answer(switchOver, 'switch-over', true, `host ${promoting.to} runs the machine`);
  turn.patch({ switchOver: undefined });
  needSecondary(turn, 'initializing', 'the secondary has become the primary');
}

export function onPromoteFailed(turn: Turn, event: EventOf<'promote-failed'>): void {
  if (!turn.answers(event.effect)) return;
  const { promoting, previous } = turn.record;
  if (promoting === undefined) return;
  const { generation, to } = promoting;
  turn.report('alarm', { kind: 'promote-failed', generation, detail: event.detail });
  if (turn.state.self.tuning.allowOlderGeneration && previous !== undefined && previous < generation) {
    const because = { kind: 'older-generation', generation: previous, lost: generation - previous } as const;
    turn.report('alarm', because);
    turn.save({ promoting: { to, generation: previous, into: nextClone(turn, generation) } }, because);
    return;
  }
  turn.patch({ mode: 'failed' });
  turn.report('alarm', { kind: 'no-generation', detail: event.detail });
}
