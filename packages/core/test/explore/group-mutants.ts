import type { SourceMutant } from '../support/source.js';

export interface GroupMutant extends SourceMutant {
  readonly name: string;
  /** It is missed among the first so many states of that scene; without them on one of the kept ways. */
  readonly scene?: string;
  readonly within?: number;
}

/** Rules of the consistency group, each left out in its own source. */
export const groupMutants: readonly GroupMutant[] = [
  {
    name: 'a resync is proposed anew when the group has agreed on another epoch',
    file: 'carry.ts',
    find: "operation === undefined || operation.kind === 'proposing' ? {}",
    replace: 'operation === undefined ? {}',
  },
  {
    name: 'a record of the epoch before does not take a commit back',
    file: 'fold.ts',
    find: '    ...committed,\n',
    replace: '',
  },
  {
    name: 'the peer is judged by the preference just agreed on, durable or not',
    file: 'polarization.ts',
    find: 'withRoleOf(turn.base, message.introduction)',
    replace: 'withRoleOf(state.record, message.introduction)',
  },
  {
    name: 'a promise taken back keeps the lock until its source has spoken',
    file: 'lock.ts',
    find: 'preparation?.discarded === true && target.over !== true && preparation.next.epoch > epoch;',
    replace: 'false;',
  },
  {
    name: 'a promise of a past epoch has the lock no more',
    file: 'lock.ts',
    find: ' && preparation.next.epoch > epoch;',
    replace: ';',
  },
  {
    name: 'an overtaken commit has the lock no more',
    file: 'lock.ts',
    find: 'moving !== undefined && record.epoch <= moving.epoch + 1',
    replace: 'moving !== undefined',
  },
  {
    name: 'an offer waits for what has the group',
    file: 'polarization.ts',
    find: "(kind === 'offer-win' || kind === 'pause-request') && !mayOffer(state)",
    replace: 'false',
  },
  {
    name: 'a claim waits for a commit whose outcome is nowhere else',
    file: 'lock.ts',
    find: 'if (planned !== undefined && !plannedFailoverMayArbitrate(planned)) return false;',
    replace: '',
  },
  {
    name: 'a copy in doubt stays in doubt when its roles change',
    file: 'start.ts',
    find: 'record: { ...record, dataState: polarization.record.dataState },',
    replace: 'record,',
  },
  {
    name: 'a stopping node drains again when its gate has changed',
    file: 'settle.ts',
    find: '  drainAgain(turn);\n',
    replace: '',
    scene: 'a group with sick nodes, operators and crashes',
    within: 1_000,
  },
  {
    name: 'fault handling is carried into an epoch that the group agrees on',
    file: 'settle.ts',
    find: '    carryIfDue(turn);\n',
    replace: '',
    scene: 'a group that is moved',
    within: 500,
  },
];
