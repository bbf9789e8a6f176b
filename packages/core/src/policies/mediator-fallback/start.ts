import type { Millis } from '../../kernel/time.js';
import {
  mediatorFallbackTiming,
  validateMediatorFallbackOptions,
  type MediatorFallbackOptions,
} from './options.js';
import type { MediatorFallbackState } from './state.js';
import type { Turn } from './turn.js';

/** @throws OptionsError, HoldfastError, TypeError: see `validateMediatorFallbackOptions`. */
export function initialState(options: MediatorFallbackOptions, at: Millis): MediatorFallbackState {
  validateMediatorFallbackOptions(options);
  const { preference } = options;
  return {
    version: 1,
    self: {
      groupId: options.groupId,
      nodeId: options.nodeId,
      incarnation: options.incarnation,
      members: options.members,
      mediators: options.mediators,
      fallback: options.fallback ?? { kind: 'best' },
      returnToFirstMediator: options.returnToFirstMediator ?? false,
      timing: options.timing ?? mediatorFallbackTiming,
    },
    now: at,
    startedAt: at,
    booted: false,
    record: options.record,
    ...(preference === undefined ? {} : { preference }),
    // Nobody takes part before fault handling says so.
    inSync: [],
    connected: [],
    sights: {},
    reports: {},
    facts: { upToDate: false, healthy: false, hostPaths: 0, hostIops: 0, hostLatencyMs: 0, hardwareRank: 0 },
    reportedAt: at,
    unconfirmed: [],
    commitSaidAt: at,
    enrolAt: at,
    absorbed: {},
  };
}

/** The first event of a life: say what the disk says. */
export function boot(turn: Turn): void {
  if (turn.state.booted) return;
  const { record, self } = turn.state;
  const { current, standing } = record;
  turn.patch({ booted: true });
  turn.report('info', {
    kind: 'member-started',
    node: self.nodeId,
    standing,
    model: current.model,
    version: current.version,
  });
}
