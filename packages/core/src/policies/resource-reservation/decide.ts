import type { ProtectionPolicy } from './types.js';

/** What an agent knows of the room for one machine when the time to act has come. */
export type RoomKnowledge = 'claimed' | 'denied' | 'unknown';

export type MachineDecision = 'terminate' | 'keep' | 'report-only';

const table: Readonly<Record<ProtectionPolicy, Readonly<Record<RoomKnowledge, MachineDecision>>>> = {
  disabled: { claimed: 'report-only', denied: 'report-only', unknown: 'report-only' },
  warning: { claimed: 'report-only', denied: 'report-only', unknown: 'report-only' },
  conservative: { claimed: 'terminate', denied: 'keep', unknown: 'keep' },
  aggressive: { claimed: 'terminate', denied: 'keep', unknown: 'terminate' },
  'super-aggressive': { claimed: 'terminate', denied: 'terminate', unknown: 'terminate' },
};

/** Whether a machine that still runs, without one of its components, is ended so that it can serve elsewhere. */
export function decideMachine(policy: ProtectionPolicy, knowledge: RoomKnowledge): MachineDecision {
  return table[policy][knowledge];
}
