import type { LatencyFailbackState } from './state.js';
import type { FailbackGate, FailbackSite } from './types.js';

const closed = { host: 'closed', reads: 'none', writes: 'none' } as const;
const held = { host: 'held', reads: 'none', writes: 'none' } as const;

/** What the data path may do in this state. */
export function gateFor(state: LatencyFailbackState): FailbackGate {
  const { record } = state;
  return { site: record.activeSite, epoch: record.epoch, ...doorsOf(state) };
}

function doorsOf(state: LatencyFailbackState): Pick<FailbackGate, 'host' | 'reads' | 'writes'> {
  switch (state.phase) {
    case 'unknown':
    case 'awaiting':
      return closed;
    case 'onSecondary':
    case 'resync':
    case 'synced':
    case 'preparing':
      return state.secondary === 'failed' ? closed : { host: 'open', reads: 'local', writes: 'tracked' };
    case 'quiescing':
    case 'committing':
      return held;
    case 'readThrough':
      // Without a map nobody knows what is in sync, so nothing counts as such.
      return {
        host: 'open',
        reads: state.map.state === 'known' ? 'read-through' : 'secondary',
        writes: 'both',
      };
    case 'partial':
      return state.tuning.partialService === 'reads' && state.map.state === 'known'
        ? { host: 'open', reads: 'in-sync', writes: 'none' }
        : held;
    case 'primary':
      return { host: 'open', reads: 'local', writes: 'both' };
  }
}

export function sameGate(one: FailbackGate, other: FailbackGate): boolean {
  return (
    one.site === other.site &&
    one.epoch === other.epoch &&
    one.host === other.host &&
    one.reads === other.reads &&
    one.writes === other.writes
  );
}

/** Whose bytes answer a read; `wait` while nobody's may. */
export type FailbackReadRoute = FailbackSite | 'wait';

/** For the data path. `outOfSync`: any block of the range is marked in the map of the site that serves. */
export function routeRead(gate: FailbackGate, outOfSync: boolean): FailbackReadRoute {
  if (gate.host !== 'open') return 'wait';
  switch (gate.reads) {
    case 'local':
      return gate.site;
    case 'read-through':
      return outOfSync ? 'secondary' : 'primary';
    case 'secondary':
      return 'secondary';
    case 'in-sync':
      return outOfSync ? 'wait' : 'primary';
    case 'none':
      return 'wait';
  }
}

/** The copies that must have a write before it is acknowledged; `wait` while it may not be. */
export function routeWrite(gate: FailbackGate): readonly FailbackSite[] | 'wait' {
  if (gate.host !== 'open') return 'wait';
  switch (gate.writes) {
    case 'both':
      return ['primary', 'secondary'];
    case 'tracked':
      return ['secondary'];
    case 'none':
      return 'wait';
  }
}

/** The background copy read version `copied` of a block; a newer host write may have reached the primary since. */
export function mayApplyCopy(copied: number, atPrimary: number): boolean {
  return copied > atPrimary;
}

/** A block is in sync when the primary durably holds the newest version that the secondary has acknowledged. */
export function mayClearOutOfSync(durableAtPrimary: number, newestAtSecondary: number): boolean {
  return durableAtPrimary >= newestAtSecondary;
}
