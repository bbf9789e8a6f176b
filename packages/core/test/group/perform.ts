import type { GroupPartEffect, GroupPartFact } from '../../src/index.js';
import type { TestNode } from './node.js';

type Part<Policy> = Extract<GroupPartEffect, { policy: Policy }>;

/** Does what one policy's wish asks for, in this small world, and answers. */
export function perform(node: TestNode, effect: GroupPartEffect): void {
  switch (effect.policy) {
    case 'ttl-polarization':
      polarization(node, effect);
      return;
    case 'mediator-fallback':
      fallback(node, effect);
      return;
    case 'swap-recovery':
      swap(node, effect);
      return;
    case 'planned-failover':
      planned(node, effect);
      return;
    case 'latency-failback':
      failback(node, effect);
  }
}

function answer(node: TestNode, afterMs: number, part: GroupPartFact): void {
  node.later(afterMs, () => node.dispatch({ kind: 'part', ...part }));
}

function polarization(node: TestNode, part: Part<'ttl-polarization'>): void {
  const { world } = node;
  const { effect } = part;
  switch (effect.kind) {
    case 'send':
      world.send(node.id, effect.session, (session) => ({
        kind: 'part',
        policy: 'ttl-polarization',
        fact: { kind: 'peer-message', session, message: structuredClone(effect.message) },
      }));
      return;
    case 'ask-witness':
      ask(node, part.id, effect, part.mediator ?? 'm1');
      return;
    case 'drain':
      drain(node, effect.id);
      return;
    case 'start-resync':
      startResync(node, effect);
      return;
    case 'stop-resync':
      node.resync = undefined;
      node.syncing = false;
      return;
    case 'drop-session':
      world.drop(node.id, effect.session);
      return;
    default:
  }
}

type Ask = Extract<Part<'ttl-polarization'>['effect'], { kind: 'ask-witness' }>;

function ask(node: TestNode, outer: string, effect: Ask, mediator: string): void {
  const { world, id } = node;
  let answered = false;
  const reply = (said: Extract<GroupPartFact['fact'], { kind: 'witness-answered' }>['answer']): void => {
    if (answered) return;
    answered = true;
    node.done(outer);
    node.dispatch({
      kind: 'part',
      policy: 'ttl-polarization',
      fact: { kind: 'witness-answered', effect: effect.id, answer: said },
    });
  };
  node.later(world.timing.witnessCallTimeoutMs, () =>
    reply({ kind: 'unreachable', detail: 'no answer in time' }),
  );
  if (!world.reaches(id, mediator)) return;
  world.after(1, () => {
    const { call, epoch, fromEpoch, lineageId, incarnation, history } = effect;
    const said = world.mediator(mediator).answer({
      call,
      nodeId: id,
      epoch,
      fromEpoch,
      lineageId,
      ...(incarnation === undefined ? {} : { incarnation }),
      ...(history === undefined ? {} : { history }),
    });
    if (world.reaches(id, mediator)) node.later(1, () => reply(said));
  });
}

function drain(node: TestNode, id: string): void {
  node.draining = id;
  const tryIt = (): void => {
    if (node.draining !== id) return;
    const isWhole =
      node.gate.legs !== 'own-and-target' || [...node.copy].every((write) => node.peer.copy.has(write));
    if (!isWhole) {
      node.later(5, tryIt);
      return;
    }
    node.dispatch({ kind: 'part', policy: 'ttl-polarization', fact: { kind: 'drained', effect: id } });
  };
  node.later(1, tryIt);
}

/** The copy is complete when both sides have worked on it for the whole time, in the same session. */
function startResync(
  node: TestNode,
  effect: Extract<Part<'ttl-polarization'>['effect'], { kind: 'start-resync' }>,
): void {
  const token = {};
  const { world } = node;
  node.resync = { token, session: effect.session };
  if (effect.side === 'target') node.syncing = true;
  const startedAt = world.now;
  const report = (): void => {
    if (node.resync?.token !== token) return;
    const share = Math.max(0, 1 - (world.now - startedAt) / world.resyncMs);
    node.dispatch({
      kind: 'copy-reported',
      report: {
        generation: node.generation,
        outOfSyncBytes: Math.round(share * world.outOfSyncBytes),
        totalBytes: 1_000_000_000,
        copiedBytes: 1_000_000,
        dirtiedBytes: 1_000,
        copyErrors: 0,
      },
    });
    if (share > 0) node.later(Math.max(5, world.resyncMs / 8), report);
  };
  node.later(2, report);
  if (effect.side === 'target') return;
  const tryIt = (): void => {
    if (node.resync?.token !== token) return;
    if (world.isLinked(node.id, effect.session) && node.peer.isRunning && node.peer.syncing) {
      for (const write of node.copy) node.peer.copy.add(write);
      for (const write of node.peer.copy) if (!node.copy.has(write)) node.peer.copy.delete(write);
      node.dispatch({
        kind: 'part',
        policy: 'ttl-polarization',
        fact: { kind: 'resync-caught-up', effect: effect.id, movedBytes: 4096 },
      });
    } else node.later(10, tryIt);
  };
  node.later(world.resyncMs, tryIt);
}

function fallback(node: TestNode, { effect }: Part<'mediator-fallback'>): void {
  const { world, id } = node;
  if (effect.kind === 'send') {
    world.send(id, node.live.session ?? -1, () => ({
      kind: 'part',
      policy: 'mediator-fallback',
      fact: { kind: 'peer-message', nodeId: id, message: structuredClone(effect.message) },
    }));
  } else if (effect.kind === 'probe') {
    const said = world.reaches(id, effect.mediator)
      ? ({ kind: 'ok', rttMs: 1 } as const)
      : ({ kind: 'failed', detail: 'no answer' } as const);
    answer(node, 2, {
      policy: 'mediator-fallback',
      fact: { kind: 'probed', effect: effect.id, answer: said },
    });
  } else if (effect.kind === 'enrol') {
    const said = world.reaches(id, effect.mediator)
      ? ({ kind: 'granted' } as const)
      : ({ kind: 'unknown', detail: 'no answer' } as const);
    answer(node, 2, {
      policy: 'mediator-fallback',
      fact: { kind: 'mediated', effect: effect.id, answer: said },
    });
  }
}

function swap(node: TestNode, { effect }: Part<'swap-recovery'>): void {
  const policy = 'swap-recovery';
  if (effect.kind === 'list-health') {
    const open = node.world.conditions
      .filter(({ site }) => site === effect.site)
      .map(({ site: _s, ...rest }) => rest);
    answer(node, 2, { policy, fact: { kind: 'health-listed', effect: effect.id, open } });
  } else if (effect.kind === 'mark-tracks')
    answer(node, 1, { policy, fact: { kind: 'tracks-marked', effect: effect.id } });
  else if (effect.kind === 'fence-hosts')
    answer(node, 1, { policy, fact: { kind: 'hosts-fenced', effect: effect.id } });
}

function planned(node: TestNode, { effect }: Part<'planned-failover'>): void {
  const { world } = node;
  const policy = 'planned-failover';
  switch (effect.kind) {
    case 'send':
      world.send(node.id, effect.session, (session) => ({
        kind: 'part',
        policy,
        fact: { kind: 'peer-message', session, message: structuredClone(effect.message) },
      }));
      return;
    case 'check':
      answer(node, 1, { policy, fact: { kind: 'checked', effect: effect.id, obstacles: [] } });
      return;
    case 'make-ready':
      answer(node, 2, {
        policy,
        fact: { kind: 'made-ready', effect: effect.id, ready: effect.members, obstacles: [] },
      });
      return;
    case 'drain':
      answer(node, 1, {
        policy,
        fact: { kind: 'drained', effect: effect.id, barrierSequence: 7 },
      });
      return;
    case 'catch-up':
      answer(node, 1, { policy, fact: { kind: 'caught-up', effect: effect.id } });
      return;
    case 'switch-paths':
      answer(node, 1, { policy, fact: { kind: 'paths-switched', effect: effect.id, warnings: [] } });
      return;
    default:
  }
}

function failback(node: TestNode, { effect }: Part<'latency-failback'>): void {
  const policy = 'latency-failback';
  if (effect.kind === 'hold-io') answer(node, 1, { policy, fact: { kind: 'drained', effect: effect.id } });
  else if (effect.kind === 'hand-over-map') {
    const generation = effect.generation + 1;
    node.generation = generation;
    node.peer.generation = generation;
    const outOfSyncBytes = node.live.failback?.map.outOfSyncBytes ?? 0;
    answer(node, 2, {
      policy,
      fact: { kind: 'map-handed-over', effect: effect.id, generation, outOfSyncBytes },
    });
  } else if (effect.kind === 'probe')
    answer(node, 2, { policy, fact: { kind: 'probe-answered', effect: effect.id, probe: node.world.probe } });
}
