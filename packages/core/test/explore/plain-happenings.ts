import { otherSide, withSide, type Side, type World } from './world.js';

export function withCut(world: World, side: Side, cut: boolean): World {
  return { ...world, link: { ...world.link, cut: withSide(world.link.cut, side, cut) } };
}

/** A host writes at a node that goes on alone: the other copy falls behind, unless it is being copied to. */
export function write(world: World, side: Side): World {
  const { copies, nodes } = world;
  if (nodes[side].state?.gate.legs === 'own-and-target' && isTaking(world, side)) return world;
  return { ...world, copies: { ...copies, hold: withSide(copies.hold, otherSide(side), 'behind') } };
}

/** Both ends are in the session, nothing is cut, and the peer runs and takes what is copied. */
export function isTaking(world: World, side: Side): boolean {
  const { at, cut, to } = world.link;
  const peer = world.nodes[otherSide(side)];
  if (at[0] !== 'joined' || at[1] !== 'joined' || cut[0] || cut[1]) return false;
  if (to.some((letters) => letters.some((letter) => letter.kind === 'end'))) return false;
  return peer.up && !peer.paused && peer.state?.gate.mode === 'syncTarget' && peer.resync?.side === 'target';
}
