import type { PolarizationState } from './state.js';
import type {
  Mode,
  OperatorCommand,
  PolarizationEvent,
  PolarizationFact,
  PolarizationMessage,
} from './types.js';

/** Facts by their kind, messages and commands by theirs: what a row of the table is about. */
export type EventName =
  | Exclude<PolarizationFact['kind'], 'peer-message' | 'command'>
  | `message ${PolarizationMessage['kind']}`
  | `command ${OperatorCommand['kind']}`;

/** What happens to an event in some modes: something, or for a reason nothing at all. */
export type Row =
  | { readonly modes: readonly Mode[]; readonly does: string }
  | { readonly modes: readonly Mode[]; readonly ignoredBecause: string };

export const modes: readonly Mode[] = [
  'unknown',
  'mirrored',
  'suspended',
  'arbitrating',
  'standalone',
  'fenced',
  'syncSource',
  'syncTarget',
  'paused',
  'splitBrain',
];

const except = (...named: readonly Mode[]): readonly Mode[] => modes.filter((mode) => !named.includes(mode));
const everywhere = (does: string): readonly Row[] => [{ modes, does }];

/** Handled in the modes named, and in all others ignored for one reason. */
function only(
  handled: readonly { readonly modes: readonly Mode[]; readonly does: string }[],
  ignoredBecause: string,
): readonly Row[] {
  const named = handled.flatMap((row) => row.modes);
  return [...handled, { modes: except(...named), ignoredBecause }];
}

/** Every pair of mode and event. `step` looks here first: what is ignored here changes nothing at all. */
export const table: Readonly<Record<EventName, readonly Row[]>> = {
  tick: everywhere('whatever has become due: renewals, silence, ladder, retries, duties to the witness'),
  'peer-connected': [
    {
      modes: ['mirrored', 'suspended'],
      does: 'same peer, same epoch and lineage, neither has asked: the mirror resumes; else the two agree who is the source',
    },
    {
      modes: ['unknown', 'arbitrating'],
      does: 'the two agree who is the source, or this node gives way to one that holds survivorship',
    },
    {
      modes: ['standalone', 'syncSource'],
      does: 'after a stable link the peer is copied to; two owners: splitBrain',
    },
    { modes: ['fenced', 'syncTarget'], does: 'waits for the proposal of the survivor' },
    { modes: ['paused', 'splitBrain'], does: 'notes the peer, and leaves everything as it is' },
  ],
  'peer-disconnected': [
    { modes: ['mirrored'], does: 'suspended: host I/O is held' },
    { modes: ['syncSource'], does: 'standalone: serves on without the target' },
    { modes: ['syncTarget'], does: 'fenced: the copy is partly old' },
    {
      modes: except('mirrored', 'syncSource', 'syncTarget'),
      does: 'forgets the session and what was being agreed on in it',
    },
  ],
  'replication-silent': only(
    [
      { modes: ['mirrored'], does: 'suspended, and the session is dropped' },
      { modes: ['syncSource'], does: 'standalone, and the session is dropped' },
      { modes: ['syncTarget'], does: 'fenced, and the session is dropped' },
    ],
    'nothing is replicated in this mode',
  ),
  'leg-failed': [
    { modes: ['mirrored'], does: 'handover, when the peer can take it; else fenced' },
    {
      modes: ['standalone', 'syncSource', 'paused', 'splitBrain'],
      does: 'fenced, and an alarm that no copy may serve',
    },
    {
      modes: except('mirrored', 'standalone', 'syncSource', 'paused', 'splitBrain'),
      does: 'fenced: this copy may not survive',
    },
  ],
  'health-changed': everywhere(
    'changes the place on the ladder and is told to the peer; mirrored and sick for long enough: handover',
  ),
  'initiators-changed': everywhere('is told to the peer; decides who counts as unreached by hosts'),
  'peers-lost-together': everywhere('changes the place on the ladder: this node lets its peer go first'),
  persisted: everywhere(
    'what the record says becomes true: the mode changes, the gate opens, the message goes out',
  ),
  'persist-failed': everywhere('what needed the record does not happen; the same is written again'),
  'witness-answered': only(
    [
      {
        modes: ['unknown'],
        does: 'owner: the own record counts; other owner: fenced; nobody: may ask after the wait of a start',
      },
      {
        modes: ['arbitrating'],
        does: 'granted: survivorship is written down; other owner: fenced; silence: again, then closed doors',
      },
      { modes: ['fenced'], does: 'proves a prepared copy a member' },
      {
        modes: ['mirrored', 'suspended', 'standalone', 'syncSource', 'paused', 'splitBrain'],
        does: 'is noted; what the witness has missed is said again',
      },
    ],
    'a target has withdrawn its claims',
  ),
  drained: everywhere(
    'the wish that it answers goes on: commit of a mirror, fence of a handover, last record of a stop',
  ),
  'resync-caught-up': only(
    [{ modes: ['syncSource'], does: 'asks the target to be ready to mirror' }],
    'the resync that it speaks of is over',
  ),
  'resync-failed': only(
    [
      { modes: ['syncSource'], does: 'standalone, and the session is dropped' },
      { modes: ['syncTarget'], does: 'fenced, and the session is dropped' },
    ],
    'the resync that it speaks of is over',
  ),
  'fencing-evidence': only(
    [
      { modes: ['mirrored'], does: 'suspended; the peer has stopped now, and the witness is asked' },
      {
        modes: ['suspended', 'arbitrating'],
        does: 'the peer has stopped now: neither its lease nor the head start is waited for',
      },
    ],
    'no lease of that life is waited for',
  ),
  'clock-stalled': only(
    [
      { modes: ['mirrored'], does: 'the leases count as expired: suspended' },
      { modes: ['suspended', 'arbitrating'], does: 'the leases count as expired' },
    ],
    'no lease is held',
  ),
  'message ttl-request': only(
    [{ modes: ['mirrored'], does: 'preferred: notes the acknowledgement and grants' }],
    'only a node that mirrors gives leases',
  ),
  'message ttl-grant': only(
    [{ modes: ['mirrored'], does: 'non-preferred: extends its lease from the sending of the request' }],
    'only a node that mirrors takes leases',
  ),
  'message health': everywhere('is noted'),
  'message peer-lost': only(
    [{ modes: ['mirrored'], does: 'suspended, when it is about the present epoch' }],
    'this node does not count on the peer',
  ),
  'message mode-changed': everywhere(
    'what the two are to each other is decided again, as after an introduction',
  ),
  'message offer-win': only(
    [{ modes: ['mirrored'], does: 'accepts, when up to date and not hard unhealthy' }],
    'only a node that mirrors can take over; the offer runs out',
  ),
  'message accept-win': only(
    [{ modes: ['mirrored'], does: 'stops, drains and writes down that the peer goes on' }],
    'the offer has been withdrawn',
  ),
  'message commit-win': only(
    [{ modes: ['mirrored'], does: 'writes down that it goes on alone, then opens' }],
    "the peer's introduction says the same, and is acted on",
  ),
  'message win-ack': only(
    [{ modes: ['fenced', 'paused'], does: 'the handover is complete' }],
    'no handover is under way',
  ),
  'message pause-request': only(
    [{ modes: ['mirrored'], does: 'steps back as in a handover' }],
    'this node does not mirror; the request runs out',
  ),
  'message sync-propose': everywhere('accepts durably, or refuses and says why'),
  'message sync-accept': only(
    [
      {
        modes: ['unknown', 'suspended', 'arbitrating', 'standalone'],
        does: 'writes down that it is the source, then copies',
      },
    ],
    'this node has proposed nothing',
  ),
  'message sync-refuse': only(
    [{ modes: ['unknown', 'suspended', 'arbitrating', 'standalone'], does: 'proposes again later' }],
    'this node has proposed nothing',
  ),
  'message mirror-prepare': only(
    [{ modes: ['syncTarget'], does: 'writes down that it is prepared, then says so' }],
    'only a target prepares',
  ),
  'message mirror-prepared': only(
    [{ modes: ['syncSource'], does: 'drains, then writes the mirror down' }],
    'only a source commits',
  ),
  'message mirror-commit': only(
    [{ modes: ['syncTarget'], does: 'writes the mirror down, then serves' }],
    'only a prepared target joins',
  ),
  'command force-survivor': [
    {
      modes: ['unknown', 'suspended', 'arbitrating', 'fenced', 'syncTarget'],
      does: 'serves alone once that is written and the peer has stopped',
    },
    {
      modes: except('unknown', 'suspended', 'arbitrating', 'fenced', 'syncTarget'),
      does: 'refuses: this node serves, or waits for another word',
    },
  ],
  'command reattach': [
    {
      modes: ['unknown', 'fenced'],
      does: 'the newest copy serves alone, as by force; any other is refused',
    },
    { modes: except('unknown', 'fenced'), does: 'refuses: this copy has not stopped' },
  ],
  'command resolve-split-brain': [
    { modes: ['splitBrain'], does: 'the victim closes and waits to be copied to in full' },
    { modes: except('splitBrain'), does: 'refuses: nothing is split' },
  ],
  'command pause': [
    { modes: ['mirrored'], does: 'the sequencer asks the peer to step back' },
    { modes: except('mirrored'), does: 'refuses: this node does not mirror' },
  ],
  'command resume': [
    { modes: ['paused'], does: 'the owner copies to the peer again' },
    { modes: except('paused'), does: 'refuses: nothing is paused' },
  ],
  'command handover': [
    { modes: ['mirrored'], does: 'offers the peer to serve alone' },
    { modes: except('mirrored'), does: 'refuses: this node does not mirror' },
  ],
  'command shut-down': everywhere(
    'holds, drains, flushes, writes the record as clean, and handles nothing more',
  ),
};

export function eventName(event: PolarizationFact): EventName {
  if (event.kind === 'peer-message') return `message ${event.message.kind}`;
  if (event.kind === 'command') return `command ${event.command.kind}`;
  return event.kind;
}

/** True when nothing is to happen. A kind that this release does not know is ignored as well: it comes from a newer one. */
export function ignores(state: PolarizationState, event: PolarizationEvent): boolean {
  const rows = (table as Readonly<Record<string, readonly Row[] | undefined>>)[eventName(event)];
  const row = rows?.find((candidate) => candidate.modes.includes(state.mode));
  return row === undefined || 'ignoredBecause' in row;
}
