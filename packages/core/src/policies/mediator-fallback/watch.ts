import type { Millis } from '../../kernel/time.js';
import { availabilityOf } from './probes.js';
import type { MediatorFallbackState } from './state.js';
import type { Turn } from './turn.js';

/** A mediator that only some see: it stays, but people are told, and who sees it is elected first when it goes. */
export function notePartial(turn: Turn): void {
  const { record, seeing } = turn.state;
  const { model } = record.current;
  const found = model.kind === 'mediator' ? availabilityOf(turn.state, model.id) : undefined;
  if (found?.kind === 'partial' && model.kind === 'mediator') {
    if (seeing?.join() === found.seeing.join()) return;
    turn.patch({ seeing: found.seeing });
    turn.report('alarm', {
      kind: 'mediator-partial',
      mediator: model.id,
      seeing: found.seeing,
      blind: found.blind,
    });
  } else if (found?.kind === 'reliable' && seeing !== undefined) {
    turn.patch({ seeing: undefined });
  }
}

/** Leaving the stand-in is as automatic as entering it; if it does not come about, somebody has to know. */
export function watchWayBack(turn: Turn): void {
  const { record, idleSince, self } = turn.state;
  const isMediated = record.current.model.kind === 'mediator';
  const back = isMediated
    ? undefined
    : self.mediators.find((id) => availabilityOf(turn.state, id).kind === 'reliable');
  if (back === undefined) {
    turn.patch({ idleSince: undefined });
    return;
  }
  if (idleSince === undefined) {
    turn.patch({ idleSince: turn.at });
    return;
  }
  const limitMs = self.timing.watchdogMs;
  if (turn.at < idleSince + limitMs) return;
  turn.report('alarm', { kind: 'watchdog', mediator: back, forMs: turn.at - idleSince, limitMs });
  turn.patch({ idleSince: turn.at });
}

export function watchdogDueAt({ idleSince, self }: MediatorFallbackState): Millis | undefined {
  return idleSince === undefined ? undefined : idleSince + self.timing.watchdogMs;
}
