import type { Fencer, FencingEvidence } from '@holdfast/core';
import { decide, type GroupRecord, type WitnessRequest } from '@holdfast/witness';
import {
  type BlockDeviceFixture,
  type ClockFixture,
  type FencerFixture,
  MemoryDisk,
  memoryDevice,
  MemoryNetwork,
  MemoryRecords,
  memoryStore,
  recordingTelemetry,
  scriptedWitness,
  type StoreFixture,
  type TelemetryFixture,
  type TransportFixture,
  VirtualClock,
  type WitnessFixture,
} from '../../src/index.js';

/** `memoryDevice` and its disk, with everything that can be done to them. */
export function memoryDeviceFixture(sizeBytes = 100_000): BlockDeviceFixture & { readonly disk: MemoryDisk } {
  const disk = new MemoryDisk({ sizeBytes, seed: 5 });
  return {
    disk,
    open: async () => memoryDevice(disk),
    kill: async () => disk.killProcess(),
    losePower: async () => disk.losePower(),
    failNextFlush: async () => disk.failNth('flush', 1),
  };
}

/** `memoryStore` and its records, with everything that can be done to them. */
export function memoryStoreFixture(): StoreFixture & { readonly records: MemoryRecords } {
  const records = new MemoryRecords();
  return {
    records,
    open: async () => memoryStore(records),
    crash: async () => records.crash(),
    failNextChange: async () => {
      records.faults = (operation) => {
        if (operation.kind === 'load') return undefined;
        records.faults = undefined;
        return { fail: 'NO_SPACE' };
      };
    },
    corrupt: async (key) => records.corrupt(key),
  };
}

/** Two hosts of a `MemoryNetwork` on virtual time. The third has no power: it answers nobody. */
export function memoryNetworkFixture(): TransportFixture {
  const time = new VirtualClock();
  const network = new MemoryNetwork({ clock: time, seed: 3, speed: { latencyMs: 1, jitterMs: 1 } });
  network.host('dark').powerOff();
  return {
    time,
    client: network.host('alpha'),
    server: network.host('beta'),
    address: 'tcp:beta:0',
    nobody: 'tcp:beta:9',
    silent: 'tcp:dark:1',
    resets: true,
  };
}

/** The real rules behind a scripted line: what is tried is the line, with its deadlines and its silence. */
export function scriptedWitnessFixture(): WitnessFixture {
  const time = new VirtualClock();
  const witness = scriptedWitness(time);
  const records = new Map<string, GroupRecord | undefined>();
  let meta = { incarnation: 'memory-1' };
  witness.script = ({ method, groupId, claim }) => {
    const request = { kind: method, groupId, ...meta, ...claim } as WitnessRequest;
    const decision = decide(records.get(groupId), request, meta);
    records.set(groupId, decision.record);
    return decision.answer;
  };
  return {
    time,
    open: async () => witness,
    restart: async () => undefined,
    loseMemory: async () => {
      records.clear();
      meta = { incarnation: 'memory-2' };
    },
    silence: async () => void (witness.script = () => 'never'),
  };
}

export function virtualClockFixture(): ClockFixture {
  const time = new VirtualClock();
  return { time, clock: time };
}

export function recordingTelemetryFixture(): TelemetryFixture {
  const telemetry = recordingTelemetry();
  return { telemetry, arrived: async () => telemetry.events.map(({ kind }) => kind) };
}

/** Lives in memory, and a fencer that ends them: the dumbest there can be. */
export function memoryFencerFixture(): FencerFixture {
  const living = new Map<string, string>();
  const ended = new Map<string, FencingEvidence>();
  const watchers = new Set<(evidence: FencingEvidence) => void>();
  let count = 0;
  const end = (nodeId: string, bootId: string): void => {
    if (living.get(bootId) !== nodeId) return;
    living.delete(bootId);
    const evidence: FencingEvidence = { nodeId, bootId, strength: 'io', how: `life ${bootId} was ended` };
    ended.set(bootId, evidence);
    for (const found of [...watchers]) found(evidence);
  };
  const fencer: Fencer = {
    strength: 'io',
    watch: (found) => {
      watchers.add(found);
      return () => void watchers.delete(found);
    },
    fence: async (nodeId, bootId) => {
      end(nodeId, bootId);
      const evidence = ended.get(bootId);
      return evidence?.nodeId === nodeId ? evidence : undefined;
    },
  };
  return {
    time: new VirtualClock(),
    fencer,
    start: async (nodeId) => {
      const bootId = `boot-${String((count += 1))}`;
      living.set(bootId, nodeId);
      return { bootId, isAlive: async () => living.has(bootId), end: async () => end(nodeId, bootId) };
    },
  };
}
