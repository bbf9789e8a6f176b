import { cancel, onBarrierReached, onPrepared, onRoleApplied, onTestAndSet } from './source.js';
import { onBarrier, onDemoteDone, onDenied, onGranted, onPrepare } from './target.js';
import type { Turn } from './turn.js';
import type { PlannedFailoverMessage } from './types.js';

export function onMessage(turn: Turn, message: PlannedFailoverMessage): void {
  switch (message.kind) {
    case 'prepare':
      onPrepare(turn, message);
      return;
    case 'prepared':
      onPrepared(turn, message);
      return;
    case 'prepare-refused':
      onPrepareRefused(turn, message);
      return;
    case 'barrier':
      onBarrier(turn, message);
      return;
    case 'barrier-reached':
      onBarrierReached(turn, message);
      return;
    case 'test-and-set':
      onTestAndSet(turn, message);
      return;
    case 'granted':
      onGranted(turn, message);
      return;
    case 'denied':
      onDenied(turn, message);
      return;
    case 'role-applied':
      onRoleApplied(turn, message);
      return;
    case 'demote-done':
      onDemoteDone(turn, message);
      return;
    default:
      turn.absorb(`message ${(message as { kind: string }).kind}`, 'this release does not know it');
  }
}

function onPrepareRefused(
  turn: Turn,
  { operationId, obstacles }: Extract<PlannedFailoverMessage, { kind: 'prepare-refused' }>,
): void {
  const { operation } = turn.state.record;
  if (operation?.operationId !== operationId || operation.phase !== 'started') {
    turn.absorb('message prepare-refused', 'no such question is open');
    return;
  }
  const shown = obstacles.map(({ member, detail }) =>
    member === undefined ? detail : `${member}: ${detail}`,
  );
  cancel(turn, 'target-refused', shown.join('; '));
}
