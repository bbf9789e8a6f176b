import { HoldfastError } from '@holdfast/core';
import { blockBytes } from '../metadata/layout.js';
import { type Frame, frameTypes, maxPayloadBytes } from '../wire/index.js';

/**
 * What must be true of a frame of the data path whatever stands behind it: a payload is exactly as long as the range that it is
 * for, and a frame without one names no more than it may. Locks and logs go by the range, disks by the payload.
 * @throws HoldfastError PROTOCOL
 */
export function checkPeerFrame(next: Frame): void {
  const { type, lengthBytes, payload } = next;
  switch (type) {
    case frameTypes.replicateWrite:
    case frameTypes.forwardWrite:
    case frameTypes.resyncWrite:
      if (lengthBytes === 0 || payload.length !== lengthBytes)
        throw wrong(next, `names ${String(lengthBytes)} bytes and carries ${String(payload.length)}`);
      return;
    case frameTypes.replicateZeroes:
    case frameTypes.replicateForwarded:
    case frameTypes.forwardZeroes:
      if (lengthBytes === 0 || payload.length !== 0)
        throw wrong(next, `names ${String(lengthBytes)} bytes and carries ${String(payload.length)}`);
      return;
    case frameTypes.resyncCompare: {
      const blocks = Math.ceil(lengthBytes / blockBytes);
      if (blocks === 0 || lengthBytes > maxPayloadBytes || payload.length % blocks !== 0)
        throw wrong(next, `compares ${String(lengthBytes)} bytes by ${String(payload.length)} of digests`);
      return;
    }
    default:
  }
}

function wrong({ type }: Frame, how: string): HoldfastError {
  return new HoldfastError('PROTOCOL', `A frame of type ${String(type)} from the other node ${how}.`);
}
