import type { PolarizationEffect } from '../policies/ttl-polarization/index.js';
import type { SwapRecoveryEffect, SwapRecoveryFact } from '../policies/swap-recovery/index.js';
import { foldSwap } from './fold.js';
import { isSettled, leadsGroup, mayBegin } from './lock.js';

import { activeNodeOf, swapSiteOf } from './record.js';
import type { GroupState } from './state.js';
import type { GroupTurn } from './turn.js';

/*
 * What the wishes of swap-recovery mean to the group, and what it is told. A swap is carried out as a one-sided handover: the ill node
 * stops, drains, writes down that the peer goes on, and that record is the swap's commit. Mirroring back is the resync of fault
 * handling, which waits until this policy has cleared the storage.
 */

const name = 'swap-recovery';
const COMMAND = 'consistency-group/swap ';

export function onSwapEffect(turn: GroupTurn, effect: SwapRecoveryEffect): void {
  switch (effect.kind) {
    case 'persist':
      turn.write(foldSwap(turn.base, effect.record), [{ policy: name, effect: effect.id }], {
        kind: 'by-policy',
        part: { policy: name, because: effect.because },
      });
      return;
    case 'request-operation':
      request(turn, effect.id, effect.operationId);
      return;
    case 'freeze-io':
      turn.patch({ frozen: true });
      // The handover drains before it writes: here it is enough that no new request is let in.
      tell(turn, { kind: 'io-frozen', effect: effect.id });
      return;
    case 'switch-hosts':
      turn.tell({
        policy: 'ttl-polarization',
        fact: { kind: 'command', commandId: `${COMMAND}${effect.id}`, command: { kind: 'handover' } },
      });
      return;
    case 'release-io':
    case 'close-io':
    case 'release-operation':
      if (turn.state.frozen) turn.patch({ frozen: false });
      return;
    case 'start-mirror':
      return;
    case 'suspend-mirror':
      suspendResync(turn, effect);
      return;
    case 'list-health':
    case 'mark-tracks':
    case 'set-swap':
      // Once in a group: by the node that leads it.
      if (!leadsGroup(turn.state)) return;
      break;
    default:
  }
  const after = turn.afterOf(name, effect.after);
  turn.pass({
    id: `${effect.id}/${name}`,
    kind: 'part',
    policy: name,
    effect,
    because: effect.because,
    ...(after.length === 0 ? {} : { after }),
  });
}

function tell(turn: GroupTurn, fact: SwapRecoveryFact): void {
  turn.tell({ policy: name, fact });
}

function request(turn: GroupTurn, effect: string, operationId: string): void {
  const answer = mayBegin(turn.state, 'handover');
  const { epoch } = turn.state.record;
  if (answer === 'granted') {
    turn.report('warning', { kind: 'lock-granted', operation: 'handover', operationId, epoch });
    tell(turn, { kind: 'operation-granted', effect });
  } else if (answer === 'waits') {
    turn.patch({ waiting: { policy: name, effect, operationId } });
  } else {
    const { refusedBy } = answer;
    turn.report('info', { kind: 'lock-refused', operation: 'handover', operationId, by: refusedBy });
    tell(turn, { kind: 'operation-refused', effect, by: refusedBy });
  }
}

/** The answer of fault handling to the handover that carries a swap out. True when it is that. */
export function swapAnswersOf(
  turn: GroupTurn,
  answer: Extract<PolarizationEffect, { kind: 'answer' }>,
): boolean {
  const { commandId, ok, detail } = answer;
  if (!commandId.startsWith(COMMAND)) return false;
  const effect = commandId.slice(COMMAND.length);
  tell(
    turn,
    ok ? { kind: 'hosts-switched', effect, failedHosts: [] } : { kind: 'switch-failed', effect, detail },
  );
  return true;
}

/** A condition is open again: what is being copied stops, and the map of what is out of sync stays. */
function suspendResync(
  turn: GroupTurn,
  effect: Extract<SwapRecoveryEffect, { kind: 'suspend-mirror' }>,
): void {
  const { resync, mode } = turn.state.polarization;
  if (resync === undefined || mode !== 'syncSource') return;
  const detail = `swap-recovery suspends the mirror (${effect.because.kind})`;
  turn.tell({
    policy: 'ttl-polarization',
    fact: { kind: 'resync-failed', effect: resync.effect, detail },
  });
}

export function hearSwap(turn: GroupTurn, fact: SwapRecoveryFact): void {
  tell(turn, fact);
}

/** The inactive storage has been ill since the copies parted, and this policy has not begun to mirror back. */
export function isIll(state: GroupState): boolean {
  const { swap, record, self, ill } = state;
  if (swap === undefined || record.owner !== self.nodeId || swap.phase === 'remirroring') return false;
  const inactive = swapSiteOf(self.peerId, self.first);
  return ill || swap.conditions.some(({ site }) => site === inactive);
}

export function newsForSwap(turn: GroupTurn): void {
  const { state } = turn;
  const { swap, record, self, told, session } = state;
  if (swap === undefined) return;
  const linkUp = session !== undefined;
  const ill = isIll(state);
  if (ill !== state.ill) turn.patch({ ill });
  if (told.swapLink !== linkUp) {
    turn.patch({ told: { ...turn.state.told, swapLink: linkUp } });
    tell(turn, { kind: 'link-changed', up: linkUp });
  }
  // It decides at the node that leads: elsewhere it keeps the conditions and waits, as after a start.
  if (!isSettled(state) || (swap.phase === 'unknown' && !leadsGroup(state))) return;
  const duplex = record.mode === 'mirrored';
  const activeSite = swapSiteOf(activeNodeOf(record), self.first);
  const text = `${String(record.epoch)} ${activeSite} ${String(duplex)}`;
  if (told.swap === text) return;
  // A commit of the same epoch is on its way: the swap itself writes down what the handover has done.
  if (swap.attempt?.stage === 'commit' && swap.attempt.toEpoch === record.epoch) return;
  turn.patch({ told: { ...turn.state.told, swap: text } });
  const { mirror } = swap;
  if (duplex && swap.phase === 'remirroring' && mirror?.stage === 'copy')
    tell(turn, { kind: 'mirror-changed', effect: mirror.effect, mirror: 'duplex' });
  tell(turn, { kind: 'epoch-known', epoch: record.epoch, activeSite, duplex });
}
