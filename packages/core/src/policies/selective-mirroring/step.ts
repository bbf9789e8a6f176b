import type { Policy, Step } from '../../kernel/policy.js';
import { requireVersionOne } from '../../kernel/version.js';
import { becomeOwner, doubt, onAnswer, onEpochKnown } from './authority.js';
import { shrinkToBudget } from './budget.js';
import { blockIn } from './blocks.js';
import {
  onApplied,
  onCommit,
  onDrop,
  onOpen,
  onPressure,
  onPuts,
  onUsed,
  onWriteTold,
  sayHello,
} from './cache.js';
import { evict } from './evict.js';
import { beginFailBack, onCopiedBack, onWritesHeld, onYourTurn, stopFailBack } from './failback.js';
import { mirroringGuards, type MirroringGuards } from './guards.js';
import { mirroringInvariants } from './invariants.js';
import { onCommitAck, onCommitNak, onSelected, onSelectionFailed, select } from './mirror.js';
import type { MirroringOptions } from './options.js';
import { place } from './placing.js';
import { explainMirroring } from './reasons.js';
import { loseSite, onHello, onOpened } from './remotes.js';
import { settle, wakeAt } from './settle.js';
import { boot, initialState } from './start.js';
import type { MirroringState } from './state.js';
import { onAttemptFailed, onAttemptSucceeded, tookOver } from './takeover.js';
import { Turn, without } from './turn.js';
import type { MirroringEffect, MirroringEvent, MirroringMessage } from './types.js';
import { onTold, onWrite } from './writes.js';

/** The step with these guards; the shipped policy has all of them. */
export function stepWith(guards: MirroringGuards) {
  return (state: MirroringState, event: MirroringEvent): Step<MirroringState, MirroringEffect> => {
    requireVersionOne('state of selective-mirroring', state);
    const turn = new Turn(state, event, guards);
    boot(turn);
    handle(turn, event);
    settle(turn);
    return turn.end();
  };
}

function handle(turn: Turn, event: MirroringEvent): void {
  switch (event.kind) {
    case 'tick':
      break;
    case 'heat-published':
      onHeat(turn, event);
      break;
    case 'blocks-selected':
      onSelected(turn, event);
      break;
    case 'selection-failed':
      onSelectionFailed(turn, event);
      break;
    case 'peer-lost':
      onPeerLost(turn, event.peer, event.detail);
      break;
    case 'link-measured':
      onLink(turn, event.bytesPerMs);
      break;
    case 'message-received':
      onMessage(turn, event.from, event.message, event.damaged ?? []);
      break;
    case 'write-received':
      onWrite(turn, event);
      break;
    case 'epoch-known':
      onEpochKnown(turn, event);
      break;
    case 'authority-answered':
      onAnswer(turn, event.effect, event.answer);
      break;
    case 'persisted':
      onPersisted(turn, event.effect);
      break;
    case 'persist-failed':
      onPersistFailed(turn, event.effect, event.detail);
      break;
    case 'attempt-failed':
      onAttemptFailed(turn, event);
      break;
    case 'attempt-succeeded':
      onAttemptSucceeded(turn, event.client);
      break;
    case 'cache-used':
      onUsed(turn, event.blocks);
      break;
    case 'cache-pressure':
      onPressure(turn, event.keepBytes);
      break;
    case 'copy-damaged':
      onDamaged(turn, event.block);
      break;
    case 'slow-copy-applied':
      onApplied(turn, event.throughVersion);
      break;
    case 'copied-back':
      onCopiedBack(turn, event);
      break;
    case 'copy-back-failed':
      if (turn.state.failBack?.effect === event.effect) stopFailBack(turn, event.detail);
      else turn.absorb('copy of another time');
      break;
    case 'writes-held':
      onWritesHeld(turn, event);
      break;
    case 'command':
      onCommand(turn, event);
      break;
  }
}

type EventOf<Kind extends MirroringEvent['kind']> = Extract<MirroringEvent, { kind: Kind }>;

function onDamaged(turn: Turn, block: number): void {
  if (blockIn(turn.cache.blocks, block) === undefined) turn.absorb('damage of a copy that is gone');
  else evict(turn, [block], 'damaged');
}

/** The first heat after a start chooses at once; later ones wait for their time. */
function onHeat(turn: Turn, { heat }: EventOf<'heat-published'>): void {
  const known = turn.owner.heat;
  if (known !== undefined && heat.version <= known.version) turn.absorb('heat of another time');
  else turn.patchOwner({ heat, ...(known === undefined ? { selectAt: turn.at } : {}) });
}

function onLink(turn: Turn, bytesPerMs: number): void {
  if (!(bytesPerMs > 0 && Number.isFinite(bytesPerMs))) {
    turn.absorb('impossible measurement');
    return;
  }
  turn.patchOwner({ link: { ...turn.owner.link, bytesPerMs } });
  if (turn.state.mode === 'owner') shrinkToBudget(turn);
}

function onPeerLost(turn: Turn, peer: string, detail: string): void {
  if (turn.state.mode === 'owner') loseSite(turn, peer, detail);
  else {
    turn.patchOwner({ greetings: without(turn.owner.greetings, peer) });
    if (turn.state.failBack?.to === peer) stopFailBack(turn, detail);
  }
}

function onPersisted(turn: Turn, effect: string): void {
  const { saving } = turn.state;
  if (saving?.effect !== effect) {
    turn.absorb('record of another time');
    return;
  }
  const { record, then } = saving;
  turn.patch({ record, saving: undefined });
  // A newer epoch is being asked about: what was written down is of the one before.
  if (turn.state.asking !== undefined) return;
  if (then === 'took-over' && turn.state.mode === 'claiming') tookOver(turn);
  if (then === 'owner' && turn.state.mode === 'starting')
    becomeOwner(turn, { kind: 'confirmed', epoch: record.epoch });
}

function onPersistFailed(turn: Turn, effect: string, detail: string): void {
  const { saving, self } = turn.state;
  if (saving?.effect !== effect) {
    turn.absorb('record of another time');
    return;
  }
  const retryMs = self.tuning.authorityRetryMs;
  turn.patch({ saving: { ...saving, retryAt: turn.at + retryMs } });
  turn.report('alarm', { kind: 'persist-failed', detail, retryMs });
}

function onCommand(turn: Turn, { commandId, command }: EventOf<'command'>): void {
  if (command.kind === 'fail-back') {
    beginFailBack(turn, commandId, command.to);
    return;
  }
  const { owner, state } = turn;
  const isReady = owner.remotes[command.to]?.phase === 'ready';
  if (state.mode !== 'owner' || owner.move !== undefined || !isReady) {
    const why = isReady
      ? owner.move === undefined
        ? `this node is ${state.mode}`
        : 'another client is moving'
      : `there is no cache at ${command.to}`;
    turn.answer(commandId, 'move-client', false, why);
    return;
  }
  const { client, to } = command;
  turn.patchOwner({ move: { commandId, client, to, isChosen: false } });
  select(turn, { kind: 'client', client });
}

function onMessage(turn: Turn, from: string, message: MirroringMessage, damaged: readonly number[]): void {
  const { epoch, mode } = turn.state;
  switch (message.kind) {
    case 'hello':
      if (mode === 'owner') onHello(turn, from, message);
      else turn.patchOwner({ greetings: { ...turn.owner.greetings, [from]: message } });
      return;
    case 'stale-epoch':
      doubt(turn, message.epoch);
      return;
    case 'your-turn':
      onYourTurn(turn, message.epoch);
      return;
    case 'opened':
    case 'commit-ack':
    case 'commit-nak':
    case 'told':
    case 'evicted':
      if (mode === 'owner') fromCache(turn, from, message);
      else turn.absorb('word for an owner');
      return;
    default:
  }
  if (!turn.guards.epochCounts(message.epoch, epoch)) {
    turn.send(
      from,
      { kind: 'stale-epoch', epoch },
      { kind: 'epoch-stale', epoch: message.epoch, ownEpoch: epoch },
    );
    return;
  }
  if (mode !== 'standby' && mode !== 'suspect' && mode !== 'claiming') turn.absorb('word for a cache');
  else if (message.kind === 'open') onOpen(turn, from, message);
  else fromOwner(turn, from, message, damaged);
}

type FromCache = Extract<
  MirroringMessage,
  { kind: 'opened' | 'commit-ack' | 'commit-nak' | 'told' | 'evicted' }
>;
type FromOwner = Extract<MirroringMessage, { kind: 'puts' | 'commit' | 'invalidate' | 'update' | 'drop' }>;

function fromCache(turn: Turn, from: string, message: FromCache): void {
  switch (message.kind) {
    case 'opened':
      onOpened(turn, from, message.generation);
      break;
    case 'commit-ack':
      onCommitAck(turn, from, message);
      break;
    case 'commit-nak':
      onCommitNak(turn, from, message);
      break;
    case 'told':
      onTold(turn, from, message);
      break;
    case 'evicted':
      if (turn.owner.remotes[from]?.generation !== message.generation)
        turn.absorb('word of another generation');
      else
        place(
          turn,
          message.blocks
            .filter((block) => blockIn(turn.owner.blocks, block)?.site === from)
            .map((block) => [block, undefined]),
        );
      break;
  }
}

function fromOwner(turn: Turn, from: string, message: FromOwner, damaged: readonly number[]): void {
  if (!turn.guards.generationCounts(message.generation, turn.cache.generation)) {
    turn.absorb('word of another generation');
    // An owner of another generation does not know this cache: it learns what is here.
    if (message.kind === 'commit') sayHello(turn, from);
    return;
  }
  switch (message.kind) {
    case 'puts':
      onPuts(turn, message, damaged);
      break;
    case 'commit':
      onCommit(turn, from, message);
      break;
    case 'invalidate':
    case 'update':
      onWriteTold(turn, from, message);
      break;
    case 'drop':
      onDrop(turn, message);
      break;
  }
}

/** Which blocks deserve a place in the other site's cache, and when a cached block may be served. */
export const selectiveMirroring: Policy<MirroringOptions, MirroringState, MirroringEvent, MirroringEffect> = {
  name: 'selective-mirroring',
  stateVersion: 1,
  init: initialState,
  step: stepWith(mirroringGuards),
  wakeAt,
  explain: (effect) => explainMirroring(effect.because),
  invariants: mirroringInvariants,
};
