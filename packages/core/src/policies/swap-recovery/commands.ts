import { close } from './conditions.js';
import { isSettling } from './restart.js';
import { wantedSwapRecord } from './state.js';
import type { SwapTurn } from './turn.js';
import type { SwapCommand } from './types.js';

/** Every command is answered. */
export function onCommand(turn: SwapTurn, commandId: string, command: SwapCommand): void {
  const { state } = turn;
  const answer = (ok: boolean, detail: string): void => turn.answer(commandId, command.kind, ok, detail);
  switch (command.kind) {
    case 'approve':
      if (isSettling(state)) {
        turn.patch({ approved: true });
        answer(true, 'mirroring back starts as soon as nothing is open, and that has lasted');
      } else answer(false, `the group is ${state.phase}: there is nothing to approve`);
      break;
    case 'unlock': {
      const { lock, ...kept } = wantedSwapRecord(state);
      if (lock === undefined) {
        answer(false, 'nothing is locked');
        break;
      }
      const detail = 'restarts and swaps count from nought again';
      turn.save({ ...kept, restarts: 0, swaps: 0 }, 'nothing', {
        kind: 'command',
        command: 'unlock',
        detail,
      });
      turn.patch({ restarts: [], swaps: [] });
      answer(true, detail);
      break;
    }
    case 'acknowledge': {
      const open = state.conditions.filter(
        ({ site, token }) => site === command.site && token === command.token,
      );
      for (const one of open) close(turn, one, 'is over by an operator’s word');
      answer(open.length > 0, open.length > 0 ? 'it is not open any more' : 'no such condition is open');
      break;
    }
  }
}
