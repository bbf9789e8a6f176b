import type { Invariant } from '../../kernel/policy.js';
import type { ApplianceUpgradeState } from './state.js';
import type { UpgradeRecord } from './types.js';

function ofRecord(
  name: string,
  isBroken: (record: UpgradeRecord) => boolean,
): Invariant<ApplianceUpgradeState> {
  return {
    name,
    cost: 'cheap',
    check: ({ record }) => (record !== undefined && isBroken(record) ? record.begun.join(', ') : undefined),
  };
}

/** What must hold of every record. */
export const applianceUpgradeInvariants: readonly Invariant<ApplianceUpgradeState>[] = [
  ofRecord(
    'nothing is expanded before it can be reverted',
    ({ begun, done }) => begun.some((step) => step.startsWith('expand:')) && !done.includes('snapshot'),
  ),
  ofRecord(
    'the second appliance starts on a verified replica, with the identity, after the first has stopped',
    ({ begun, done }) =>
      begun.includes('start-second') &&
      !['quiesce-first', 'verify-replica', 'take-identity'].every((step) => done.includes(step)),
  ),
  ofRecord(
    'the first appliance starts again only when the second has stopped for certain',
    ({ begun, undone, lost }) =>
      undone.includes('start-first') &&
      begun.includes('start-second') &&
      !undone.includes('stop-second') &&
      !undone.includes('fence-second') &&
      !lost.includes('second'),
  ),
  ofRecord(
    'nothing is contracted before the commit',
    ({ begun, isCommitted }) => begun.includes('contract-second') && !isCommitted,
  ),
  ofRecord(
    'what is committed does not go back',
    ({ isCommitted, direction }) => isCommitted && direction === 'back',
  ),
  {
    name: 'the state is plain JSON',
    cost: 'costly',
    check: (state) => {
      const text = JSON.stringify(state);
      return JSON.stringify(JSON.parse(text)) === text ? undefined : 'it does not survive a round trip';
    },
  },
];
