import { explainWith } from '../../kernel/explain.js';
import type { DurationMs } from '../../kernel/time.js';
import type { PlannedFailoverObstacle, PlannedFailoverPhase } from './types.js';

/** What ended an operation before its commit. */
export type PlannedFailoverCancelCause =
  | 'aborted'
  | 'peer-lost'
  | 'group-interrupted'
  | 'epoch-moved'
  | 'obstacles'
  | 'target-refused'
  | 'prepare-timeout'
  | 'fence-limit'
  | 'rollback-timer'
  | 'restarted';

/** Why an effect was wished: a name and the facts and numbers that decided. `explainPlannedFailover` makes a sentence of it. */
export type PlannedFailoverReason =
  | {
      readonly kind: 'node-started';
      readonly node: string;
      readonly epoch: number;
      readonly sequencer: string;
      readonly found: string;
    }
  | {
      readonly kind: 'standing';
      readonly service: string;
      readonly epoch: number;
      readonly sequencer: string;
    }
  | {
      readonly kind: 'start-accepted';
      readonly operationId: string;
      readonly from: string;
      readonly to: string;
      readonly epoch: number;
      readonly rollbackMs: DurationMs;
    }
  | { readonly kind: 'start-refused'; readonly obstacles: readonly PlannedFailoverObstacle[] }
  | { readonly kind: 'command'; readonly command: string; readonly detail: string }
  | {
      readonly kind: 'prepare-asked';
      readonly to: string;
      readonly members: number;
      readonly sinceMs: DurationMs;
    }
  | { readonly kind: 'making-ready'; readonly from: string; readonly members: number }
  | { readonly kind: 'target-ready'; readonly node: string; readonly epoch: number; readonly members: number }
  | { readonly kind: 'target-not-ready'; readonly obstacles: readonly PlannedFailoverObstacle[] }
  | { readonly kind: 'both-ready'; readonly epoch: number; readonly afterMs: DurationMs }
  | { readonly kind: 'fence-set'; readonly limitMs: DurationMs }
  | { readonly kind: 'fence-slow'; readonly heldMs: DurationMs; readonly limitMs: DurationMs }
  | { readonly kind: 'barrier-set'; readonly barrierSequence: number; readonly heldMs: DurationMs }
  | { readonly kind: 'barrier-awaited'; readonly barrierSequence: number }
  | { readonly kind: 'barrier-reached'; readonly barrierSequence: number; readonly afterMs: DurationMs }
  | { readonly kind: 'roles-asked'; readonly from: string; readonly epoch: number }
  | {
      readonly kind: 'committed';
      readonly to: string;
      readonly epoch: number;
      readonly barrierSequence: number;
      readonly heldMs: DurationMs;
    }
  | { readonly kind: 'granted'; readonly to: string; readonly epoch: number }
  | { readonly kind: 'denied'; readonly phase: PlannedFailoverPhase | 'none'; readonly operationId: string }
  | { readonly kind: 'role-taken'; readonly node: string; readonly epoch: number; readonly from: string }
  | {
      readonly kind: 'role-seen';
      readonly to: string;
      readonly epoch: number;
      readonly by: 'target' | 'fault-handling';
    }
  | {
      readonly kind: 'completed';
      readonly operationId: string;
      readonly to: string;
      readonly epoch: number;
      readonly warnings: readonly string[];
    }
  | { readonly kind: 'overruled'; readonly epoch: number; readonly owner: string }
  | {
      readonly kind: 'cancelled';
      readonly cause: PlannedFailoverCancelCause;
      readonly phase: PlannedFailoverPhase;
      readonly sinceMs: DurationMs;
      readonly limitMs: DurationMs;
      readonly detail: string;
    }
  | { readonly kind: 'cancel-waits'; readonly phase: PlannedFailoverPhase; readonly detail: string }
  | { readonly kind: 'promise-discarded'; readonly operationId: string; readonly epoch: number }
  | { readonly kind: 'promise-over'; readonly operationId: string; readonly epoch: number }
  | {
      readonly kind: 'persist-failed';
      readonly detail: string;
      readonly retryMs: DurationMs;
      readonly committing: boolean;
    }
  | { readonly kind: 'absorbed'; readonly event: string; readonly detail: string };

const causes: Readonly<Record<PlannedFailoverCancelCause, string>> = {
  aborted: 'somebody asked for it',
  'peer-lost': 'the connection to the peer is gone',
  'group-interrupted': 'fault handling needs the group',
  'epoch-moved': 'the epoch has moved meanwhile',
  obstacles: 'something is going on here that must not be interrupted',
  'target-refused': 'the target is not ready',
  'prepare-timeout': 'getting ready took too long',
  'fence-limit': 'hosts have been held for too long',
  'rollback-timer': 'the rollback timer has run out',
  restarted: 'this node was restarted before the commit',
};

const ms = (span: DurationMs): string => `${String(Math.round(span))} ms`;

function list(obstacles: readonly PlannedFailoverObstacle[]): string {
  if (obstacles.length === 0) return 'nothing was named';
  return obstacles
    .map(({ member, detail }) => (member === undefined ? detail : `${member}: ${detail}`))
    .join('; ');
}

const say = explainWith<PlannedFailoverReason>({
  'node-started': (it) =>
    `node ${it.node} has started in epoch ${it.epoch} of sequencer ${it.sequencer} and found ${it.found}; planned failover lets nobody order writes before fault handling has spoken`,
  standing: (it) =>
    `fault handling says that the group is ${it.service} in epoch ${it.epoch} of ${it.sequencer}`,
  'start-accepted': (it) =>
    `the roles are to pass from ${it.from} to ${it.to} after epoch ${it.epoch} (operation ${it.operationId}), within ${ms(it.rollbackMs)} or not at all`,
  'start-refused': (it) => `a planned failover cannot start: ${list(it.obstacles)}`,
  command: (it) => `command ${it.command}: ${it.detail}`,
  'prepare-asked': (it) =>
    `node ${it.to} is asked to make ${it.members} volumes ready, ${ms(it.sinceMs)} after the start; hosts are served meanwhile`,
  'making-ready': (it) =>
    `node ${it.from} wants to give its roles away, so mappings, reservations and locks of ${it.members} volumes are taken over in standby`,
  'target-ready': (it) =>
    `node ${it.node} holds all that ${it.members} volumes need and is ready for epoch ${it.epoch}`,
  'target-not-ready': (it) => `this node cannot take the roles: ${list(it.obstacles)}`,
  'both-ready': (it) =>
    `both nodes are ready for epoch ${it.epoch} after ${ms(it.afterMs)}, so the fence is written down before any host is held`,
  'fence-set': (it) => `the fence is durable, so host I/O is held and drained, for ${ms(it.limitMs)} at most`,
  'fence-slow': (it) =>
    `hosts have been held for ${ms(it.heldMs)}; at ${ms(it.limitMs)} the failover is rolled back`,
  'barrier-set': (it) =>
    `nothing is in flight after ${ms(it.heldMs)}, and write ${it.barrierSequence} is the last one that was acknowledged`,
  'barrier-awaited': (it) => `everything up to write ${it.barrierSequence} has to be on the own leg first`,
  'barrier-reached': (it) =>
    `everything up to write ${it.barrierSequence} is on the own leg after ${ms(it.afterMs)}, so nothing that was acknowledged is missing`,
  'roles-asked': (it) => `node ${it.from} is asked for the roles of epoch ${it.epoch}`,
  committed: (it) =>
    `the context exists, the fence stands and the barrier is reached, so ${it.to} is the sequencer of epoch ${it.epoch} from write ${it.barrierSequence} on, ${ms(it.heldMs)} after the fence; there is no way back`,
  granted: (it) => `node ${it.to} is told that it is the sequencer of epoch ${it.epoch}`,
  denied: (it) => `operation ${it.operationId} gives no roles now: its phase here is ${it.phase}`,
  'role-taken': (it) => `node ${it.node} is the sequencer of epoch ${it.epoch}, given by ${it.from}`,
  'role-seen': (it) =>
    `${it.by === 'target' ? `node ${it.to} says that it has applied` : `fault handling confirms that ${it.to} holds`} epoch ${it.epoch}, so this node mirrors as the second one`,
  completed: (it) =>
    `operation ${it.operationId} is complete: ${it.to} orders the writes of epoch ${it.epoch}${it.warnings.length === 0 ? '' : `, with warnings: ${it.warnings.join('; ')}`}`,
  overruled: (it) =>
    `the failover does not count any more: ${it.owner} was given epoch ${it.epoch} by other means`,
  cancelled: (it) =>
    `the failover is rolled back from "${it.phase}" after ${ms(it.sinceMs)}${it.limitMs > 0 ? ` of ${ms(it.limitMs)}` : ''}, because ${causes[it.cause]}${it.detail === '' ? '' : ` (${it.detail})`}`,
  'cancel-waits': (it) =>
    `a rollback is asked for in "${it.phase}" (${it.detail}), but the commit has been handed to the disk: only its outcome counts`,
  'promise-discarded': (it) =>
    `fault handling needs the group, so the promise of operation ${it.operationId} is discarded; only its epoch ${it.epoch} and lineage are kept for the claim`,
  'promise-over': (it) =>
    `operation ${it.operationId} has ended without a change of roles; epoch ${it.epoch} goes on`,
  'persist-failed': (it) =>
    `the record could not be written (${it.detail}) and is written again in ${ms(it.retryMs)}${it.committing ? '; the commit may stand on the disk, so nothing else is written in its place' : ''}`,
  absorbed: (it) => `${it.event} fits nothing here and changes nothing: ${it.detail}`,
});

/** One English sentence for operators, with the numbers that decided. */
export function explainPlannedFailover(because: PlannedFailoverReason): string {
  const text = say(because);
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
