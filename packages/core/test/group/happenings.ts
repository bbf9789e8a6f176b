import { groupLockOf, type HealthLevel } from '../../src/index.js';
import { ids, type NodeId, type World } from './world.js';

/** Something that happens to the two nodes. */
export type Happening =
  | { readonly kind: 'run'; readonly forMs: number }
  | { readonly kind: 'move'; readonly node: NodeId; readonly id: number }
  | { readonly kind: 'crash' | 'start'; readonly node: NodeId; readonly landed: boolean }
  | { readonly kind: 'cut' | 'heal'; readonly way: string }
  | { readonly kind: 'reset' | 'calm' }
  | { readonly kind: 'condition'; readonly site: 'first' | 'second'; readonly open: boolean }
  | { readonly kind: 'sick'; readonly node: NodeId; readonly level: HealthLevel }
  | { readonly kind: 'disk'; readonly node: NodeId; readonly fails: boolean; readonly persistMs: number }
  | { readonly kind: 'redirect'; readonly node: NodeId };

export function act(world: World, one: Happening): void {
  switch (one.kind) {
    case 'run':
      world.run(one.forMs);
      return;
    case 'move':
      move(world, one.node, `move-${String(one.id)}`);
      return;
    case 'crash':
      world.crash(one.node, one.landed);
      return;
    case 'start':
      if (!world.nodes[one.node].isRunning) world.start(one.node);
      return;
    case 'cut':
      world.cut(one.way);
      return;
    case 'heal':
      world.heal(one.way);
      return;
    case 'reset':
      world.reset();
      return;
    case 'calm':
      calm(world);
      return;
    case 'condition':
      condition(world, one.site, one.open);
      return;
    case 'sick':
      sicken(world, one.node, one.level);
      return;
    case 'disk':
      world.nodes[one.node].failWrites = one.fails;
      world.nodes[one.node].persistMs = one.persistMs;
      return;
    case 'redirect':
      redirect(world, one.node);
  }
}

export function move(world: World, node: NodeId, operationId: string): void {
  world.nodes[node].dispatch({
    kind: 'part',
    policy: 'planned-failover',
    fact: { kind: 'command', commandId: operationId, command: { kind: 'start', operationId } },
  });
}

export function redirect(world: World, node: NodeId): void {
  const expectedEpoch = world.nodes[node].state?.record.epoch ?? 0;
  world.nodes[node].dispatch({
    kind: 'part',
    policy: 'latency-failback',
    fact: { kind: 'command', commandId: 'r', command: { kind: 'redirect', expectedEpoch } },
  });
}

export function sicken(world: World, node: NodeId, level: HealthLevel): void {
  world.nodes[node].dispatch({
    kind: 'part',
    policy: 'ttl-polarization',
    fact: { kind: 'health-changed', level, reasons: [] },
  });
}

export function condition(world: World, site: 'first' | 'second', open: boolean): void {
  const token = `at-${site}`;
  const fact = { codeClass: 'rank', token, severity: 'acute' } as const;
  world.conditions = world.conditions.filter((known) => known.token !== token);
  if (open) world.conditions.push({ site, ...fact });
  for (const id of ids)
    world.nodes[id].dispatch({
      kind: 'part',
      policy: 'swap-recovery',
      fact: { kind: 'health-reported', site, report: open ? 'open' : 'resolved', ...fact },
    });
}

/** Everything works again, and time passes. */
export function calm(world: World): void {
  for (const site of ['first', 'second'] as const) condition(world, site, false);
  for (const id of ids) {
    world.nodes[id].failWrites = false;
    world.nodes[id].persistMs = 1;
    sicken(world, id, 'ok');
    if (!world.nodes[id].isRunning) world.start(id);
  }
  world.heal('a>b', 'b>a', 'm1', 'a>w', 'b>w');
  const isCalm = (): boolean =>
    ids.every((id) => {
      const { live, gate } = world.nodes[id];
      return gate.mode === 'mirrored' && gate.host === 'open' && groupLockOf(live) === undefined;
    });
  for (let waited = 0; waited < 12_000; waited += 250) {
    world.run(250);
    if (isCalm()) break;
  }
  world.run(300);
}
