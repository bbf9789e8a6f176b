import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { reconcile, type Introduction, type NodeRecord } from '../../src/index.js';

const lineages = ['green', 'blue', 'red'] as const;

function records(nodeId: string, peerId: string): fc.Arbitrary<NodeRecord> {
  return fc
    .record({
      mode: fc.constantFrom(
        'fresh',
        'mirrored',
        'standalone',
        'fenced',
        'syncSource',
        'syncTarget',
        'paused',
        'splitBrain',
      ),
      epoch: fc.integer({ min: 1, max: 5 }),
      lineageId: fc.constantFrom(...lineages),
      owner: fc.constantFrom(undefined, nodeId, peerId),
      sequencer: fc.constantFrom('a', 'b'),
      dataState: fc.constantFrom('upToDate', 'consistent', 'outdated', 'inconsistent'),
      history: fc.uniqueArray(fc.constantFrom(...lineages), { maxLength: 3 }),
      prepared: fc.option(fc.constantFrom(...lineages), { nil: undefined }),
    })
    .map(({ owner, history, prepared, mode, ...rest }) => ({
      version: 1 as const,
      groupId: 'g',
      nodeId,
      machineBootId: 'm',
      clean: false,
      ...rest,
      mode: mode,
      history: history.map((lineageId) => ({ epoch: 1, lineageId })),
      ...(owner === undefined ? {} : { owner }),
      ...(prepared === undefined
        ? {}
        : { prepared: { epoch: rest.epoch + 1, lineageId: prepared, sequencer: peerId } }),
    }));
}

function introductions(nodeId: 'a' | 'b'): fc.Arbitrary<Introduction> {
  const peerId = nodeId === 'a' ? 'b' : 'a';
  return fc
    .record({
      mode: fc.constantFrom(
        'unknown',
        'mirrored',
        'suspended',
        'arbitrating',
        'standalone',
        'fenced',
        'syncSource',
        'syncTarget',
      ),
      record: records(nodeId, peerId),
      mirroringWithBootId: fc.constantFrom(undefined, `${peerId}1`, `${peerId}0`),
      asked: fc.boolean(),
      pristine: fc.boolean(),
      health: fc.constantFrom('ok', 'unhealthyHard'),
    })
    .map(({ mirroringWithBootId, ...rest }) => ({
      nodeId,
      role: nodeId === 'a' ? 'preferred' : 'nonPreferred',
      bootId: `${nodeId}1`,
      machineBootId: 'm',
      initiators: 0,
      ...rest,
      ...(mirroringWithBootId === undefined ? {} : { mirroringWithBootId }),
    }));
}

const counterparts: Readonly<Record<string, string>> = {
  source: 'target',
  target: 'source',
  'take-over': 'await-take-over',
  'await-take-over': 'take-over',
};

describe('what two nodes are to each other', () => {
  test('both come to the same decision, whatever stands on their disks', () => {
    fc.assert(
      fc.property(introductions('a'), introductions('b'), (a, b) => {
        const mine = reconcile(a, b);
        const theirs = reconcile(b, a);
        expect(theirs.kind).toBe(counterparts[mine.kind] ?? mine.kind);
      }),
      { numRuns: 3_000 },
    );
  });

  test('a source raises the epoch above both, or keeps the one that it owns', () => {
    fc.assert(
      fc.property(introductions('a'), introductions('b'), (a, b) => {
        const meeting = reconcile(a, b);
        if (meeting.kind !== 'source') return;
        const owns = meeting.lineage === 'keep';
        if (owns) expect(meeting.epoch).toBeGreaterThanOrEqual(a.record.epoch);
        else if (a.record.mode !== 'fresh') expect(meeting.epoch).toBeGreaterThan(a.record.epoch + 1);
        if (b.record.mode !== 'fresh') expect(meeting.epoch).toBeGreaterThanOrEqual(b.record.epoch);
        if (owns) expect(a.record.owner).toBe('a');
      }),
      { numRuns: 3_000 },
    );
  });

  test('nothing resumes that is not the very same mirror', () => {
    fc.assert(
      fc.property(introductions('a'), introductions('b'), (a, b) => {
        if (reconcile(a, b).kind !== 'resume') return;
        expect([a.asked, b.asked]).toEqual([false, false]);
        expect([a.record.epoch, a.record.lineageId]).toEqual([b.record.epoch, b.record.lineageId]);
        expect([a.mirroringWithBootId, b.mirroringWithBootId]).toEqual([b.bootId, a.bootId]);
      }),
      { numRuns: 3_000 },
    );
  });

  test('a fenced source goes on by a consent that it has not heard of', () => {
    const common = { version: 1, groupId: 'g', machineBootId: 'm', clean: false, sequencer: 'b' } as const;
    const told = { initiators: 0, asked: false, pristine: false, health: 'ok', mode: 'fenced' } as const;
    const green = { epoch: 2, lineageId: 'green' };
    const target: Introduction = {
      ...told,
      nodeId: 'a',
      role: 'preferred',
      bootId: 'a2',
      machineBootId: 'm',
      record: {
        ...common,
        nodeId: 'a',
        mode: 'syncTarget',
        owner: 'b',
        epoch: 4,
        lineageId: 'red',
        dataState: 'inconsistent',
        history: [green],
      },
    };
    const source: Introduction = {
      ...told,
      nodeId: 'b',
      role: 'nonPreferred',
      bootId: 'b1',
      mirroringWithBootId: 'a1',
      machineBootId: 'm',
      record: {
        ...common,
        ...green,
        nodeId: 'b',
        mode: 'fenced',
        owner: 'a',
        epoch: 3,
        dataState: 'outdated',
        history: [],
      },
    };
    expect(reconcile(source, target)).toMatchObject({ kind: 'take-over', epoch: 5 });
    expect(reconcile(target, source).kind).toBe('await-take-over');
    // Each without what makes the consent a proof: it has started since, the epoch had begun, the leg is broken.
    const { mirroringWithBootId: _before, ...started } = source;
    const inDoubt: Introduction = { ...started, bootId: 'b2' };
    const begun = { ...source, record: { ...source.record, epoch: 4 } };
    const broken = { ...source, health: 'unhealthyHard' } as const;
    for (const one of [inDoubt, begun, broken]) expect(reconcile(one, target).kind).toBe('nobody');
  });

  test('two owners are a split brain, and never anything else', () => {
    fc.assert(
      fc.property(introductions('a'), introductions('b'), (a, b) => {
        const own = (node: Introduction): Introduction => ({
          ...node,
          record: { ...node.record, mode: 'standalone', owner: node.nodeId },
        });
        expect(reconcile(own(a), own(b)).kind).toBe('split-brain');
      }),
    );
  });
});
