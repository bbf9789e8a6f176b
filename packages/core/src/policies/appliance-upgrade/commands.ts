import { CONFIRM } from './program.js';
import { goBack, isForwardOnly } from './run.js';
import type { UpgradeTurn } from './turn.js';
import type { UpgradeCommand, UpgradePlan, UpgradeRecord } from './types.js';

export function onCommand(turn: UpgradeTurn, commandId: string, command: UpgradeCommand): void {
  const refusal = refusalOf(turn.state.record, command);
  const detail = refusal ?? accepted[command.kind];
  if (refusal === undefined) carryOut(turn, command);
  const { unsaved } = turn.state;
  const after = refusal === undefined && unsaved !== undefined ? [unsaved] : [];
  turn.wish(
    { kind: 'answer', commandId, ok: refusal === undefined, detail },
    { kind: 'command', detail },
    after,
  );
}

const accepted = {
  start: 'The upgrade begins',
  confirm: 'The upgrade is committed, and goes forward only',
  abort: 'Everything goes back',
} as const;

/** Why a command is not carried out, if so. */
function refusalOf(record: UpgradeRecord | undefined, command: UpgradeCommand): string | undefined {
  const isOpen = record !== undefined && record.end === undefined;
  if (command.kind === 'start') {
    if (isOpen) return `Upgrade ${record.plan.upgradeId} is under way; one operation at a time`;
    return planProblem(command.plan);
  }
  if (!isOpen) return 'No upgrade is under way';
  if (command.kind === 'confirm') {
    const isReady = record.direction === 'forward' && record.done.includes('check-second');
    if (!isReady) return 'Nothing waits to be confirmed';
    return record.isCommitted ? 'It is committed already' : undefined;
  }
  if (record.isCommitted) return 'It is committed: what comes now is forward only';
  if (record.direction === 'back') return 'It is going back already';
  if (isForwardOnly(record)) return 'The first appliance is lost: there is nothing to go back to';
  const hasWrites = record.done.includes('check-second');
  return hasWrites && !command.acceptLoss
    ? 'The new version has accepted writes since it serves, and they would be lost: say that you accept it'
    : undefined;
}

function planProblem({ volumes, scripts, upgradeId }: UpgradePlan): string | undefined {
  if (upgradeId === '' || volumes.length === 0) return 'A plan needs a name and volumes';
  const names = [...volumes, ...scripts];
  return new Set(names).size === names.length ? undefined : 'A volume or a script is named twice';
}

function carryOut(turn: UpgradeTurn, command: UpgradeCommand): void {
  const { record } = turn.state;
  switch (command.kind) {
    case 'start':
      turn.patch({
        record: freshRecord(command.plan, record),
        failures: 0,
        quiescedAt: undefined,
        confirmBy: undefined,
      });
      break;
    case 'confirm':
      if (record === undefined) return;
      turn.record({ isCommitted: true, done: [...record.done, CONFIRM] });
      turn.patch({ confirmBy: undefined });
      turn.save('committed');
      turn.report('info', { kind: 'committed', by: 'operator' });
      break;
    case 'abort':
      goBack(turn, { step: turn.state.running?.step ?? 'waiting', detail: 'an operator has aborted it' });
      break;
  }
}

/** What earlier attempts have taught stays, and the fencing token never goes back. */
function freshRecord(plan: UpgradePlan, before: UpgradeRecord | undefined): UpgradeRecord {
  return {
    version: 1,
    kind: 'upgrade',
    plan,
    attempt: (before?.attempt ?? 0) + 1,
    direction: 'forward',
    begun: [],
    done: [],
    undone: [],
    isFencing: false,
    wholeCopies: 0,
    passes: [],
    identityEpoch: before?.identityEpoch ?? 1,
    isCommitted: false,
    invalidSnapshots: [],
    lost: [],
    history: before?.history ?? [],
  };
}
