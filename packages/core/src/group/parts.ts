import { unreachable } from '../kernel/assert.js';
import type { Millis } from '../kernel/time.js';
import { latencyFailback } from '../policies/latency-failback/index.js';
import { mediatorFallback } from '../policies/mediator-fallback/index.js';
import { plannedFailover } from '../policies/planned-failover/index.js';
import { swapRecovery } from '../policies/swap-recovery/index.js';
import { ttlPolarization } from '../policies/ttl-polarization/index.js';
import { onFailbackEffect } from './failback.js';
import { onFallbackEffect } from './fallback.js';
import { onPlannedEffect } from './planned.js';
import { onPolarizationEffect } from './polarization.js';
import type { GroupState } from './state.js';
import { onSwapEffect } from './swap.js';
import type { Delivery, GroupTurn } from './turn.js';

/** Steps every policy that has something to hear, and does for the group what their wishes mean. */
export function deliverAll(turn: GroupTurn): void {
  for (let delivery = turn.next(); delivery !== undefined; delivery = turn.next()) deliver(turn, delivery);
}

/** One real step of one policy. A policy that nobody asked for hears nothing. */
function deliver(turn: GroupTurn, delivery: Delivery): void {
  const { state } = turn;
  const numbered = { at: turn.at, sequence: turn.deliveries };
  switch (delivery.policy) {
    case 'ttl-polarization': {
      const step = ttlPolarization.step(state.polarization, { ...delivery.fact, ...numbered });
      turn.patch({ polarization: step.state });
      for (const effect of step.effects) onPolarizationEffect(turn, effect);
      return;
    }
    case 'mediator-fallback': {
      if (state.fallback === undefined) return;
      const step = mediatorFallback.step(state.fallback, { ...delivery.fact, ...numbered });
      turn.patch({ fallback: step.state });
      for (const effect of step.effects) onFallbackEffect(turn, effect);
      return;
    }
    case 'swap-recovery': {
      if (state.swap === undefined) return;
      const step = swapRecovery.step(state.swap, { ...delivery.fact, ...numbered });
      turn.patch({ swap: step.state });
      for (const effect of step.effects) onSwapEffect(turn, effect);
      return;
    }
    case 'planned-failover': {
      if (state.planned === undefined) return;
      const step = plannedFailover.step(state.planned, { ...delivery.fact, ...numbered });
      turn.patch({ planned: step.state });
      for (const effect of step.effects) onPlannedEffect(turn, effect);
      return;
    }
    case 'latency-failback': {
      if (state.failback === undefined) return;
      const step = latencyFailback.step(state.failback, { ...delivery.fact, ...numbered });
      turn.patch({ failback: step.state });
      for (const effect of step.effects) onFailbackEffect(turn, effect);
      return;
    }
    default:
      unreachable(delivery, 'the group');
  }
}

/** A tick for every policy whose time has come. */
export function tickDue(turn: GroupTurn): void {
  const { polarization, fallback, swap, planned, failback } = turn.state;
  const isDue = (at: Millis | undefined): boolean => at !== undefined && at <= turn.at;
  const fact = { kind: 'tick' } as const;
  if (isDue(ttlPolarization.wakeAt(polarization))) turn.tell({ policy: 'ttl-polarization', fact });
  if (fallback !== undefined && isDue(mediatorFallback.wakeAt(fallback)))
    turn.tell({ policy: 'mediator-fallback', fact });
  if (swap !== undefined && isDue(swapRecovery.wakeAt(swap))) turn.tell({ policy: 'swap-recovery', fact });
  if (planned !== undefined && isDue(plannedFailover.wakeAt(planned)))
    turn.tell({ policy: 'planned-failover', fact });
  if (failback !== undefined && isDue(latencyFailback.wakeAt(failback)))
    turn.tell({ policy: 'latency-failback', fact });
}

/** The first event of a life reaches every policy, so that each says where it stands. */
export function bootAll(turn: GroupTurn): void {
  const fact = { kind: 'tick' } as const;
  turn.tell({ policy: 'ttl-polarization', fact });
  turn.tell({ policy: 'mediator-fallback', fact });
  turn.tell({ policy: 'swap-recovery', fact });
  turn.tell({ policy: 'planned-failover', fact });
  turn.tell({ policy: 'latency-failback', fact });
}

/** The earliest time that any policy waits for. */
export function partsWakeAt(state: GroupState): Millis | undefined {
  const { polarization, fallback, swap, planned, failback } = state;
  let earliest = ttlPolarization.wakeAt(polarization);
  const also = (at: Millis | undefined): void => {
    if (at !== undefined && (earliest === undefined || at < earliest)) earliest = at;
  };
  if (fallback !== undefined) also(mediatorFallback.wakeAt(fallback));
  if (swap !== undefined) also(swapRecovery.wakeAt(swap));
  if (planned !== undefined) also(plannedFailover.wakeAt(planned));
  if (failback !== undefined) also(latencyFailback.wakeAt(failback));
  return earliest;
}
