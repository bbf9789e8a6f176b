import fc from 'fast-check';
import type { NodeId } from './node.js';
import { other, type World } from './world.js';

export type Mishap =
  | { readonly kind: 'cut' | 'heal'; readonly direction: string }
  | { readonly kind: 'cut-link' | 'heal-link' | 'reset' | 'witness-doubts' | 'witness-forgets' }
  | { readonly kind: 'crash' | 'power-loss'; readonly node: NodeId; readonly landed: boolean }
  | {
      readonly kind: 'start' | 'pause' | 'handover' | 'pause-mirror' | 'resume-mirror' | 'evidence';
      readonly node: NodeId;
    }
  | { readonly kind: 'leg-fails'; readonly node: NodeId; readonly operation: 'read' | 'write' | 'flush' }
  | { readonly kind: 'resume'; readonly node: NodeId; readonly tells: boolean }
  | {
      readonly kind: 'health';
      readonly node: NodeId;
      readonly level: 'ok' | 'degraded' | 'unhealthySoft' | 'unhealthyHard';
    }
  | { readonly kind: 'initiators'; readonly node: NodeId; readonly count: number }
  | { readonly kind: 'slow-disk'; readonly node: NodeId; readonly persistMs: number };

export interface Planned {
  readonly gapMs: number;
  readonly mishap: Mishap;
}

const node = fc.constantFrom<NodeId>('a', 'b');
const direction = fc.constantFrom('a>b', 'b>a', 'a>w', 'w>a', 'b>w', 'w>b');

const mishap: fc.Arbitrary<Mishap> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('cut', 'heal'), direction }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constantFrom('cut-link', 'heal-link', 'reset') }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('witness-doubts', 'witness-forgets') }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constantFrom('crash', 'power-loss'), node, landed: fc.boolean() }),
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('start'), node }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom('pause', 'handover', 'pause-mirror', 'resume-mirror', 'evidence'),
      node,
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('resume'), node, tells: fc.boolean() }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('health'),
      node,
      level: fc.constantFrom('ok', 'degraded', 'unhealthySoft', 'unhealthyHard'),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('leg-fails'),
      node,
      operation: fc.constantFrom('read', 'write', 'flush'),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('initiators'), node, count: fc.constantFrom(0, 2) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('slow-disk'), node, persistMs: fc.constantFrom(1, 40, 900) }),
  },
);

export const schedules: fc.Arbitrary<readonly Planned[]> = fc.array(
  fc.record({ gapMs: fc.oneof(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 900 })), mishap }),
  { minLength: 1, maxLength: 24 },
);

export function happen(world: World, mishap: Mishap): void {
  world.log(`--- ${Object.values(mishap).join(' ')}`);
  switch (mishap.kind) {
    case 'cut':
      world.cut(mishap.direction);
      break;
    case 'heal':
      world.heal(mishap.direction);
      break;
    case 'cut-link':
      for (const way of ['a>b', 'b>a']) world.cut(way);
      break;
    case 'heal-link':
      for (const way of ['a>b', 'b>a']) world.heal(way);
      break;
    case 'reset':
      world.reset();
      break;
    case 'witness-doubts':
      world.witness.doubt();
      break;
    case 'witness-forgets':
      world.witness.forget();
      break;
    case 'crash':
      world.crash(mishap.node, mishap.landed);
      break;
    case 'power-loss':
      world.losePower(mishap.node, mishap.landed);
      break;
    case 'start':
      if (!world.nodes[mishap.node].isRunning) world.start(mishap.node);
      break;
    case 'pause':
      world.nodes[mishap.node].pause();
      break;
    case 'resume':
      if (world.nodes[mishap.node].paused) world.nodes[mishap.node].resume(mishap.tells ? 500 : 0);
      break;
    case 'handover':
      world.command(mishap.node, { kind: 'handover' });
      break;
    case 'pause-mirror':
      world.command(mishap.node, { kind: 'pause' });
      break;
    case 'resume-mirror':
      world.command(mishap.node, { kind: 'resume' });
      break;
    case 'evidence': {
      // Certain by definition: said only about lives that have ended.
      const gone = world.nodes[other(mishap.node)];
      if (gone.isRunning) break;
      const bootId = `${gone.id}${String(gone.incarnation)}`;
      world.nodes[mishap.node].dispatch({
        kind: 'fencing-evidence',
        evidence: { nodeId: gone.id, bootId, strength: 'io', how: 'its exit was observed' },
      });
      break;
    }
    case 'health':
      world.nodes[mishap.node].dispatch({ kind: 'health-changed', level: mishap.level, reasons: [] });
      break;
    case 'leg-fails':
      world.nodes[mishap.node].dispatch({ kind: 'leg-failed', operation: mishap.operation, detail: 'EIO' });
      break;
    case 'initiators':
      world.nodes[mishap.node].dispatch({ kind: 'initiators-changed', initiators: mishap.count });
      break;
    case 'slow-disk':
      world.nodes[mishap.node].persistMs = mishap.persistMs;
      break;
  }
}

export function run(world: World, planned: readonly Planned[]): void {
  for (const { gapMs, mishap } of planned) {
    world.runUntil(world.now + gapMs);
    happen(world, mishap);
  }
}

/** Everything works again, and nobody touches it any more. */
export function calm(world: World): void {
  world.log('--- everything works again');
  for (const id of ['a', 'b'] as const) {
    const current = world.nodes[id];
    current.persistMs = 1;
    if (current.paused) current.resume(0);
    // A leg is repaired by a restart, not by hope.
    if (current.isRunning && current.live.legFailure !== undefined) world.crash(id);
    if (!current.isRunning) world.start(id);
    current.dispatch({ kind: 'health-changed', level: 'ok', reasons: [] });
  }
  for (const way of [...world.cuts]) world.heal(way);
  untilMirrored(world, 6_000);
  for (const id of ['a', 'b'] as const) world.command(id, { kind: 'resume' });
  untilMirrored(world, 8_000);
}

function untilMirrored(world: World, forMs: number): void {
  const end = world.now + forMs;
  // A handover that is still under way is no state to stop in: its nodes mirror, and are about to leave the mirror.
  const atRest = (id: 'a' | 'b'): boolean => {
    const { mode, operation } = world.nodes[id].live;
    return mode === 'mirrored' && operation === undefined;
  };
  while (world.now < end && !(atRest('a') && atRest('b'))) world.runUntil(world.now + 200);
}
