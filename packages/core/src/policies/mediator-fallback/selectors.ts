import type { DurationMs } from '../../kernel/time.js';
import { coordinatorOf } from './election.js';
import { failingModel, isComplete, mediatorsOf, neededModels } from './fault.js';
import { modelWords } from './reasons.js';
import type { MediatorFallbackState } from './state.js';
import type { FaultPartition, FaultResponseModel, MediatorFallbackRecord, MediatorSight } from './types.js';

/** Where a member stands. */
export type MediatorFallbackMode =
  'mediated' | 'partial' | 'stand-in' | 'switching' | 'fault' | 'survivor' | 'detached';

export function mediatorFallbackMode(state: MediatorFallbackState): MediatorFallbackMode {
  const { record, fault, seeing } = state;
  if (record.standing === 'detached') return 'detached';
  if (fault !== undefined) return 'fault';
  if (record.standing === 'survivor') return 'survivor';
  if (record.pending !== undefined) return 'switching';
  if (record.current.model.kind !== 'mediator') return 'stand-in';
  return seeing === undefined ? 'mediated' : 'partial';
}

/** The models that a fault would have to be survived by, all of them: for the fault handling that decides the fault itself. */
export function fallbackModels(record: MediatorFallbackRecord): readonly FaultResponseModel[] {
  return neededModels(record);
}

export function fallbackPartition({ record }: MediatorFallbackState): FaultPartition {
  return record.partition;
}

/** Whether an agreement is under way that fault handling should know of: until it is over, both models have to be satisfied. */
export function fallbackLock(state: MediatorFallbackState): { readonly version: number } | undefined {
  const { pending } = state.record;
  return pending === undefined ? undefined : { version: pending.version };
}

/** What would happen if only these members, with this one, stayed in contact from this moment on. */
export interface FallbackForecast {
  /** `asks`: by the word of the named mediators, all of them. */
  readonly outcome: 'survives' | 'asks' | 'offline';
  readonly mediators: readonly string[];
  /** Head start that this side leaves to the other. */
  readonly waitMs: DurationMs;
  readonly detail: string;
}

export function whatIfFault(state: MediatorFallbackState, side: readonly string[]): FallbackForecast {
  const { record, self, seeing } = state;
  const own = side.includes(self.nodeId) ? side : [...side, self.nodeId];
  const offline = (detail: string): FallbackForecast => ({
    outcome: 'offline',
    mediators: [],
    waitMs: 0,
    detail,
  });
  if (record.standing === 'detached') return offline('Others go on; this member is detached.');
  if (!isComplete(state)) return offline('This copy is not complete, or fault handling has not spoken yet.');
  const failing = failingModel(state, own);
  if (failing !== undefined) return offline(`By ${modelWords(failing)} this side does not go on.`);
  const mediators = mediatorsOf(neededModels(record));
  if (mediators.length === 0)
    return { outcome: 'survives', mediators, waitMs: 0, detail: `This side goes on by ${words(record)}.` };
  const coordinator = coordinatorOf(state);
  const goesFirst =
    coordinator === undefined || own.includes(coordinator) || seeing?.includes(self.nodeId) === true;
  const waitMs = goesFirst ? 0 : self.timing.nonPreferredDelayMs;
  const blind = mediators.filter((id) => state.sights[id]?.sight === 'down');
  const detail =
    blind.length > 0
      ? `It would have to be granted by ${mediators.join(' and ')}, and ${blind.join(' and ')} is down here.`
      : `It would be asked of ${mediators.join(' and ')} after ${String(waitMs)} ms; the first side wins.`;
  return { outcome: 'asks', mediators, waitMs, detail };
}

function words(record: MediatorFallbackRecord): string {
  return neededModels(record).map(modelWords).join(' and ');
}

/** A status page as plain JSON. */
export interface MediatorFallbackStatus {
  readonly nodeId: string;
  readonly mode: MediatorFallbackMode;
  readonly current: FaultResponseModel;
  readonly pending?: FaultResponseModel;
  readonly version: number;
  readonly coordinator?: string;
  readonly mediators: Readonly<Record<string, MediatorSight>>;
  readonly partition: FaultPartition;
  /** If the link were cut now, with this member alone. */
  readonly alone: FallbackForecast;
  readonly absorbed: Readonly<Record<string, number>>;
}

export function describeMediatorFallback(state: MediatorFallbackState): MediatorFallbackStatus {
  const { record, self, sights, absorbed } = state;
  const { current, pending, partition } = record;
  const coordinator = coordinatorOf(state);
  return {
    nodeId: self.nodeId,
    mode: mediatorFallbackMode(state),
    current: current.model,
    ...(pending === undefined ? {} : { pending: pending.model }),
    version: current.version,
    ...(coordinator === undefined ? {} : { coordinator }),
    mediators: Object.fromEntries(Object.entries(sights).map(([id, { sight }]) => [id, sight])),
    partition,
    alone: whatIfFault(state, [self.nodeId]),
    absorbed,
  };
}
