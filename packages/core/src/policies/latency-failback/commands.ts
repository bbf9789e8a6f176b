import { redirectGuards } from './guards.js';
import { withoutLock } from './record.js';
import { abort, begin } from './redirect.js';
import { lockOf, wantedRecord, type LatencyFailbackState } from './state.js';
import type { FailbackTurn } from './turn.js';
import type { FailbackCommand } from './types.js';

/** Every command is answered: at once when it is refused, else when it is done. */
export function onCommand(turn: FailbackTurn, commandId: string, command: FailbackCommand): void {
  switch (command.kind) {
    case 'redirect': {
      const refusal = refuseRedirect(turn.state, command.expectedEpoch);
      if (refusal === undefined) begin(turn, 'operator', commandId);
      else turn.answer(commandId, 'redirect', false, refusal);
      break;
    }
    case 'abort':
      abortByOrder(turn, commandId);
      break;
    case 'unlock':
      unlock(turn, commandId);
      break;
  }
}

function refuseRedirect(state: LatencyFailbackState, expectedEpoch: number): string | undefined {
  const { record, phase } = state;
  if (expectedEpoch !== record.epoch) return `the epoch here is ${record.epoch}, not ${expectedEpoch}`;
  if (phase !== 'resync' && phase !== 'synced')
    return `the group is ${phase}, and nothing is being copied home`;
  return redirectGuards(state).find(({ kind, holds }) => kind === 'safety' && !holds)?.sentence;
}

function abortByOrder(turn: FailbackTurn, commandId: string): void {
  const { attempt } = turn.state;
  if (attempt === undefined) turn.answer(commandId, 'abort', false, 'no redirect is under way');
  else if (attempt.stage === 'commit')
    turn.answer(commandId, 'abort', false, `epoch ${attempt.toEpoch} may be on the disk already`);
  else {
    abort(turn, 'an operator has ordered it');
    turn.answer(commandId, 'abort', true, 'the secondary serves as before');
  }
}

function unlock(turn: FailbackTurn, commandId: string): void {
  const { state } = turn;
  if (lockOf(state) === undefined) {
    turn.answer(commandId, 'unlock', false, 'nothing is locked');
    return;
  }
  const detail = 'automatic redirects and recoveries count from nought again';
  turn.save(withoutLock(wantedRecord(state)), 'nothing', { kind: 'command', command: 'unlock', detail });
  turn.patch({
    moves: [],
    recoveriesFailed: 0,
    recoverAt: turn.at,
    attemptAt: turn.at,
    withheldBy: undefined,
  });
  turn.answer(commandId, 'unlock', true, detail);
}
