import { explainWith } from '../../kernel/explain.js';
import type { DurationMs } from '../../kernel/time.js';
import type { HealthLevel, Mode, NodeId, OpenClaim, Role } from './types.js';

/** What made this node count its peer as lost. */
export type LossCause =
  | 'disconnected'
  | 'lease-silent'
  | 'replication-silent'
  | 'peer-says-lost'
  | 'clock-stalled'
  | 'peer-silent'
  | 'peer-restarted'
  | 'peer-left-mirror'
  | 'fencing-evidence'
  | 'mirror-unproven';

/** By whose word a node serves alone. */
export type AloneBy =
  'witness' | 'pre-election' | 'handover' | 'peer-fenced' | 'own-record' | 'operator' | 'pause';

/** Why an effect was wished: a name and the numbers that decided. `explain` makes a sentence of it. */
export type Because =
  | {
      readonly kind: 'started';
      readonly node: NodeId;
      readonly record: string;
      readonly epoch: number;
      readonly dataState: string;
    }
  | { readonly kind: 'lease-request'; readonly sequence: number; readonly renewIntervalMs: DurationMs }
  | { readonly kind: 'lease-grant'; readonly sequence: number; readonly ttlMs: DurationMs }
  | { readonly kind: 'health'; readonly level: HealthLevel; readonly initiators: number }
  | { readonly kind: 'mode'; readonly mode: Mode; readonly epoch: number }
  | { readonly kind: 'unreached'; readonly value: boolean; readonly afterMs: DurationMs }
  | { readonly kind: 'peers-lost-together'; readonly lost: number; readonly of: number }
  | { readonly kind: 'peer-lost'; readonly cause: LossCause; readonly detail: string; readonly epoch: number }
  | { readonly kind: 'resumed'; readonly epoch: number; readonly afterMs: DurationMs }
  | {
      readonly kind: 'ladder';
      readonly role: Role;
      readonly level: HealthLevel;
      readonly waitedMs: DurationMs;
      readonly fromEpoch: number;
      readonly epoch: number;
    }
  | {
      readonly kind: 'pre-elected';
      readonly node: NodeId;
      readonly epoch: number;
      readonly waitedMs: DurationMs;
    }
  | { readonly kind: 'not-pre-elected'; readonly node: NodeId; readonly elected: NodeId }
  | {
      readonly kind: 'witness-granted';
      readonly node: NodeId;
      readonly epoch: number;
      readonly fromEpoch: number;
    }
  | { readonly kind: 'witness-owner'; readonly owner: NodeId; readonly epoch: number }
  | { readonly kind: 'witness-silent'; readonly tries: number; readonly retryMs: DurationMs }
  | {
      readonly kind: 'witness-undecided';
      readonly answer: string;
      readonly epoch: number;
      readonly retryMs: DurationMs;
    }
  | { readonly kind: 'witness-duty'; readonly call: OpenClaim['call']; readonly epoch: number }
  | { readonly kind: 'witness-proves-mirror'; readonly epoch: number }
  | { readonly kind: 'witness-reachable'; readonly reachable: boolean }
  | {
      readonly kind: 'serves-alone';
      readonly node: NodeId;
      readonly by: AloneBy;
      readonly epoch: number;
      readonly sinceLossMs: DurationMs;
      readonly peerQuietMs: DurationMs;
    }
  | { readonly kind: 'peer-fenced'; readonly peer: NodeId; readonly epoch: number }
  | { readonly kind: 'peer-owns'; readonly owner: NodeId; readonly epoch: number }
  | { readonly kind: 'fenced'; readonly epoch: number; readonly owner: NodeId | undefined }
  | { readonly kind: 'leg-failed'; readonly operation: string; readonly detail: string }
  | { readonly kind: 'no-survivor'; readonly detail: string }
  | { readonly kind: 'split-brain'; readonly epoch: number; readonly peerEpoch: number }
  | { readonly kind: 'peer-refused'; readonly detail: string }
  | { readonly kind: 'sync-propose'; readonly epoch: number; readonly full: boolean; readonly why: string }
  | { readonly kind: 'sync-accept'; readonly epoch: number; readonly source: NodeId }
  | { readonly kind: 'sync-refuse'; readonly epoch: number; readonly detail: string }
  | { readonly kind: 'sync-start'; readonly epoch: number; readonly full: boolean; readonly source: NodeId }
  | { readonly kind: 'sync-interrupted'; readonly epoch: number; readonly detail: string }
  | { readonly kind: 'caught-up'; readonly epoch: number; readonly movedBytes: number }
  | { readonly kind: 'prepared'; readonly epoch: number }
  | { readonly kind: 'mirrored'; readonly epoch: number; readonly sequencer: NodeId }
  | {
      readonly kind: 'handover-offer';
      readonly level: HealthLevel;
      readonly forMs: DurationMs;
      readonly epoch: number;
    }
  | { readonly kind: 'handover-accept'; readonly epoch: number; readonly peerLevel: HealthLevel }
  | { readonly kind: 'handover-fence'; readonly epoch: number }
  | { readonly kind: 'handover-taken'; readonly epoch: number }
  | { readonly kind: 'handover-cancelled'; readonly detail: string }
  | { readonly kind: 'command'; readonly command: string; readonly detail: string }
  | { readonly kind: 'fencing-evidence'; readonly bootId: string; readonly how: string }
  | { readonly kind: 'clock-stalled'; readonly stalledMs: DurationMs; readonly boundMs: DurationMs }
  | { readonly kind: 'persist-failed'; readonly detail: string; readonly retryMs: DurationMs };

const causes: Readonly<Record<LossCause, string>> = {
  disconnected: 'the connection to the peer is gone',
  'lease-silent': 'the lease was not renewed in time',
  'replication-silent': 'the peer neither acknowledged a write nor said that it works on it',
  'peer-says-lost': 'the peer says that it has lost this node',
  'clock-stalled': 'this process stood still for longer than the drain bound',
  'peer-silent': 'nothing at all has come from the peer for as long as its health words stay fresh',
  'peer-restarted': 'the peer came back as a new process',
  'peer-left-mirror': 'the peer does not mirror any more',
  'fencing-evidence': 'the end of the peer is proved',
  'mirror-unproven': 'the source was lost before the first lease',
};

const words: Readonly<Record<AloneBy, string>> = {
  witness: 'the witness has granted it',
  'pre-election': 'it was elected beforehand',
  handover: 'the peer has handed over',
  'peer-fenced': 'the peer has fenced itself in its favour',
  'own-record': 'its own record says so and has been confirmed since the start',
  operator: 'an operator has ordered it',
  pause: 'an operator has paused mirroring',
};

const ms = (span: DurationMs): string => `${String(Math.round(span))} ms`;

const say = explainWith<Because>({
  started: (it) =>
    `node ${it.node} has started with a record "${it.record}" of epoch ${it.epoch}, data ${it.dataState}, and serves nothing yet`,
  'peer-lost': (it) => `host I/O of epoch ${it.epoch} is held, because ${causes[it.cause]} (${it.detail})`,
  resumed: (it) =>
    `mirroring goes on in epoch ${it.epoch}: the same peer came back after ${ms(it.afterMs)}, and nobody had asked the witness`,
  'serves-alone': (it) =>
    `node ${it.node} serves alone in epoch ${it.epoch}: ${words[it.by]}${it.sinceLossMs > 0 ? `, ${ms(it.sinceLossMs)} after the loss` : ''}, and the peer has stopped for certain ${it.peerQuietMs >= 0 ? `since ${ms(it.peerQuietMs)}` : `in ${ms(-it.peerQuietMs)}`}`,
  'peer-fenced': (it) =>
    `node ${it.peer} has fenced itself in favour of this node, so epoch ${it.epoch} needs nobody else's word`,
  'peer-owns': (it) =>
    `node ${it.owner} alone holds survivorship of epoch ${it.epoch}, so this copy is outdated`,
  fenced: (it) => `this node serves nothing in epoch ${it.epoch}; owner: ${it.owner ?? 'nobody'}`,
  'leg-failed': (it) => `the own leg failed a ${it.operation} (${it.detail}); this is never acknowledged`,
  'no-survivor': (it) => `no copy may serve: ${it.detail}`,
  'split-brain': (it) =>
    `both nodes may have acknowledged writes alone (here epoch ${it.epoch}, there epoch ${it.peerEpoch}); nothing is merged until an operator names the victim`,
  mirrored: (it) => `both nodes mirror in epoch ${it.epoch}, and ${it.sequencer} orders the writes`,
  'handover-offer': (it) =>
    `this node is ${it.level} for ${ms(it.forMs)} and offers the peer to serve alone in epoch ${it.epoch}`,
  'handover-accept': (it) =>
    `this node is ${it.peerLevel} and up to date, so it accepts to serve alone in epoch ${it.epoch}`,
  'handover-fence': (it) => `the peer has accepted epoch ${it.epoch}, so this node stops serving first`,
  'handover-taken': (it) => `this node serves alone in epoch ${it.epoch}, and the peer may forget about it`,
  'handover-cancelled': (it) => `the handover is off: ${it.detail}`,
  'lease-request': (it) => `request ${it.sequence} renews the lease, as every ${ms(it.renewIntervalMs)}`,
  'lease-grant': (it) =>
    `grant ${it.sequence} lets the peer read for ${ms(it.ttlMs)} from the sending of its request`,
  ladder: (it) =>
    `node asks the witness for epoch ${it.epoch} from ${it.fromEpoch}, ${ms(it.waitedMs)} after the loss, as the ${it.role === 'preferred' ? 'preferred' : 'non-preferred'} node with health ${it.level}`,
  'pre-elected': (it) =>
    `node ${it.node} was elected beforehand and takes epoch ${it.epoch} ${ms(it.waitedMs)} after the loss, without asking anybody`,
  'not-pre-elected': (it) =>
    `node ${it.elected} was elected beforehand, so ${it.node} does not serve without it`,
  'witness-granted': (it) =>
    `the witness granted epoch ${it.epoch} to ${it.node}, from epoch ${it.fromEpoch}`,
  'witness-owner': (it) => `the witness says that ${it.owner} is the survivor of epoch ${it.epoch}`,
  'witness-silent': (it) =>
    `the witness did not answer ${it.tries} calls, so host connections are closed; it is asked again in ${ms(it.retryMs)}`,
  'witness-undecided': (it) =>
    `the witness answered "${it.answer}" at epoch ${it.epoch}, which grants nothing; it is asked again in ${ms(it.retryMs)}`,
  'witness-duty': (it) =>
    `the witness is told or asked (${it.call}) about epoch ${it.epoch}; nothing waits for it`,
  'witness-proves-mirror': (it) =>
    `the witness says that both members mirror in epoch ${it.epoch}, so the prepared copy is whole`,
  'witness-reachable': (it) =>
    it.reachable
      ? 'the witness answers again'
      : 'the witness does not answer; service goes on, but a second fault would stop it',
  'fencing-evidence': (it) =>
    `the life ${it.bootId} of the peer has ended for certain (${it.how}), so its lease needs no wait`,
  'clock-stalled': (it) =>
    `this process stood still for ${ms(it.stalledMs)}, more than ${ms(it.boundMs)}, so its leases count as expired`,
  health: (it) => `health is ${it.level} with ${it.initiators} initiators`,
  mode: (it) => `this node is ${it.mode} in epoch ${it.epoch}`,
  unreached: (it) =>
    it.value
      ? `no initiator has reached this node for ${ms(it.afterMs)} while the peer has some, so it lets the peer go first`
      : `initiators reach this node again for ${ms(it.afterMs)}`,
  'peers-lost-together': (it) =>
    it.lost === 0
      ? 'the peers of this process are not lost together any more'
      : `${it.lost} of the ${it.of} peers of this process were lost at once, so the fault is likelier here, and it lets the peer go first`,
  'peer-refused': (it) => `the peer does not fit: ${it.detail}`,
  'sync-propose': (it) =>
    `the peer is asked to be the target of a ${it.full ? 'full' : 'partial'} resync in epoch ${it.epoch}: ${it.why}`,
  'sync-accept': (it) => `this node agrees to be the target of ${it.source} in epoch ${it.epoch}`,
  'sync-refuse': (it) => `this node cannot be a target in epoch ${it.epoch}: ${it.detail}`,
  'sync-start': (it) =>
    `a ${it.full ? 'full' : 'partial'} resync from ${it.source} starts in epoch ${it.epoch}`,
  'sync-interrupted': (it) => `the resync of epoch ${it.epoch} has stopped: ${it.detail}`,
  'caught-up': (it) =>
    `every block was equal once after ${it.movedBytes} bytes, so both may mirror in epoch ${it.epoch}`,
  prepared: (it) => `this copy is prepared to mirror in epoch ${it.epoch} and waits for the source's commit`,
  command: (it) => `command ${it.command}: ${it.detail}`,
  'persist-failed': (it) =>
    `the record could not be written (${it.detail}); nothing that needs it happens, and it is written again in ${ms(it.retryMs)}`,
});

/** One English sentence for operators, with the numbers that decided. */
export function explain(because: Because): string {
  const text = say(because);
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
