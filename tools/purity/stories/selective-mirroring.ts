import {
  freshMirroringRecord,
  mirroringDefaults,
  selectiveMirroring,
  type MirroringFact,
  type MirroringOptions,
} from '../../../packages/core/src/index.js';
import { type Story } from '../story.js';

const scope = { epoch: 1, generation: '1.1.1' };
const heat = { version: 1, digest: 'd', takenAt: 0, observedMs: 900_000 };
const block = { block: 7, sizeBytes: 4_096, tenant: 't', first: true };

/** An owner that mirrors a block and writes it, and a cache that takes over and gives back. "effect" names the last wish of a kind. */
const facts: Readonly<Record<'owner' | 'standby', readonly MirroringFact[]>> = {
  owner: [
    { kind: 'heat-published', heat },
    { kind: 'authority-answered', effect: 'ask-authority', answer: { kind: 'granted', epoch: 1 } },
    {
      kind: 'message-received',
      from: 'b',
      message: { kind: 'hello', epoch: 1, capacityBytes: 409_600, usedBytes: 0, cachedBlocks: 0 },
    },
    { kind: 'authority-answered', effect: 'ask-authority', answer: { kind: 'granted', epoch: 1 } },
    { kind: 'message-received', from: 'b', message: { ...scope, kind: 'opened' } },
    {
      kind: 'blocks-selected',
      effect: 'select-blocks',
      heat,
      add: [{ ...block, label: 'internal' }],
      drop: [],
      expectedWarmShare: 0.5,
      candidates: 1,
      chosen: 1,
      left: 0,
    },
    { kind: 'tick' },
    {
      kind: 'message-received',
      from: 'b',
      message: { ...scope, kind: 'commit-ack', batch: 1, blocks: [{ block: 7, version: 1 }] },
    },
    { kind: 'write-received', writeId: 'w', block: 7, version: 2 },
    { kind: 'peer-lost', peer: 'b', detail: 'silence' },
  ],
  standby: [
    { kind: 'message-received', from: 'a', message: { ...scope, kind: 'open' } },
    {
      kind: 'message-received',
      from: 'a',
      message: { ...scope, kind: 'puts', batch: 1, blocks: [{ ...block, version: 1 }] },
    },
    { kind: 'message-received', from: 'a', message: { ...scope, kind: 'commit', batch: 1, count: 1 } },
    { kind: 'attempt-failed', client: 'c', how: 'reset' },
    {
      kind: 'authority-answered',
      effect: 'ask-authority',
      answer: { kind: 'granted', epoch: 2, trusted: '1.1.1' },
    },
    { kind: 'persisted', effect: 'persist' },
    { kind: 'command', commandId: 'k', command: { kind: 'fail-back', to: 'a' } },
  ],
};

export function selectiveMirroringStories(): Story[] {
  return (['owner', 'standby'] as const).map((role) => {
    const nodeId = role === 'owner' ? 'a' : 'b';
    const options: MirroringOptions = {
      groupId: 'g',
      nodeId,
      incarnation: 1,
      record: freshMirroringRecord('g', nodeId, role),
      volumeBytes: 4_096_000,
      cacheBytes: 409_600,
      slowCopy: 'async',
      tuning: mirroringDefaults,
    };
    let state = selectiveMirroring.init(options, 0);
    const last = new Map<string, string>();
    const events = facts[role].map((fact, index) => {
      const named = 'effect' in fact ? { effect: last.get(fact.effect) ?? fact.effect } : {};
      const event = { ...fact, ...named, at: index * 300, sequence: index + 1 };
      const next = selectiveMirroring.step(state, event);
      state = next.state;
      for (const { kind, id } of next.effects) last.set(kind, id);
      return event;
    });
    return { policy: 'selective-mirroring', title: `the ${role}`, at: 0, options, events };
  });
}
