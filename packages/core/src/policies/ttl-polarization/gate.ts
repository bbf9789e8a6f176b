import type { PolarizationState } from './state.js';
import type { Gate, Mode } from './types.js';
import { ownedBySelf } from './record.js';

type Opening = Pick<Gate, 'host' | 'legs' | 'reads'>;

const closed: Opening = { host: 'closed', legs: 'none', reads: 'none' };
const held: Opening = { host: 'held', legs: 'none', reads: 'none' };
const alone: Opening = { host: 'open', legs: 'own', reads: 'free' };

/** What each mode lets the data path do. The only place where this is said. */
export function gateFor(state: PolarizationState): Gate {
  // In a split brain both go on as they were: nothing is opened and nothing is closed.
  if (state.mode === 'splitBrain') return state.gate;
  const { epoch, lineageId, sequencer } = state.record;
  return { mode: gateMode(state), epoch, lineageId, sequencer, ...opening(state) };
}

function opening(state: PolarizationState): Opening {
  if (state.stopped || state.operation?.kind === 'stopping') return closed;
  switch (state.mode) {
    case 'mirrored':
      return state.operation?.kind === 'fencing' ? closed : { host: 'open', legs: 'both', reads: 'leased' };
    case 'suspended':
      return held;
    case 'arbitrating':
      return state.round.failed ? closed : held;
    case 'standalone':
      return alone;
    case 'syncSource':
      return { host: 'open', legs: 'own-and-target', reads: 'free' };
    case 'paused':
      return ownedBySelf(state.record) ? alone : closed;
    default:
      return closed;
  }
}

/** A paused owner serves alone like any other; that it does not want its peer back yet is no matter of the data path. */
function gateMode(state: PolarizationState): Mode {
  return state.mode === 'paused' && ownedBySelf(state.record) ? 'standalone' : state.mode;
}

export function sameGate(one: Gate, other: Gate): boolean {
  return (
    one.mode === other.mode &&
    one.epoch === other.epoch &&
    one.lineageId === other.lineageId &&
    one.sequencer === other.sequencer &&
    one.host === other.host &&
    one.legs === other.legs &&
    one.reads === other.reads
  );
}
