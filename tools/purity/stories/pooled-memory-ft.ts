import {
  freshPooledMemoryRecord,
  pooledMemoryDefaults,
  pooledMemoryFt,
  type PooledMemoryFact,
  type PooledMemoryOptions,
} from '../../../packages/core/src/index.js';
import { type Story } from '../story.js';

const hosts = ['h1', 'h2', 'h3'].map((id) => ({
  id,
  failureDomain: id,
  poolReachable: true,
  machines: 1,
  processors: 2,
  freeMhz: 4_000,
}));
const sealed = {
  sizeBytes: 1_024,
  deviceDigestFits: true,
  ramStop: 1,
  deviceStop: 1,
  argumentsDigest: 'm',
  pauseMs: 9,
};

/** From the first protection to a failover. "effect" names the last wish of a kind. */
const facts: readonly PooledMemoryFact[] = [
  { kind: 'hosts-reported', hosts },
  { kind: 'command', commandId: 'k', command: { kind: 'enable', memoryInPool: true } },
  { kind: 'persisted', effect: 'persist' },
  { kind: 'secondary-attached', effect: 'attach-secondary', isReadOnly: true },
  { kind: 'generation-sealed', effect: 'checkpoint', generation: 1, epoch: 1, ...sealed },
  { kind: 'persisted', effect: 'persist' },
  { kind: 'host-heard', host: 'h1', pool: 'silent', network: 'silent', silentMs: 400 },
  { kind: 'writer-ended', host: 'h1', epoch: 1 },
  { kind: 'epoch-raised', effect: 'raise-epoch' },
  { kind: 'persisted', effect: 'persist' },
  { kind: 'promoted', effect: 'promote', guestTimeGapMs: 300 },
  { kind: 'persisted', effect: 'persist' },
];

export function pooledMemoryFtStories(): Story[] {
  const options: PooledMemoryOptions = {
    groupId: 'vm-7',
    nodeId: 'controller',
    incarnation: 1,
    record: freshPooledMemoryRecord('vm-7', 'h1', 'm'),
    ramBytes: 1_024,
    processors: 2,
    reservedMhz: 1_000,
    tuning: pooledMemoryDefaults,
  };
  let state = pooledMemoryFt.init(options, 0);
  const last = new Map<string, string>();
  const events = facts.map((fact, index) => {
    const named = 'effect' in fact ? { effect: last.get(fact.effect) ?? fact.effect } : {};
    const event = { ...fact, ...named, at: index, sequence: index + 1 };
    const next = pooledMemoryFt.step(state, event);
    state = next.state;
    for (const { kind, id } of next.effects) last.set(kind, id);
    return event;
  });
  return [{ policy: 'pooled-memory-ft', title: 'protection and a failover', at: 0, options, events }];
}
