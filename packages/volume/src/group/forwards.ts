import { type Frame, frame, frameFlags, frameStatus, frameTypes } from '../wire/index.js';
import type { DataPathContext } from './context.js';
import { Operation } from './operation.js';

/** How many answered forwards are remembered for a peer that repeats them after a reconnect. */
const forwardsRemembered = 8192;

/** Writes of the other node's hosts, sent here to get their order. */
export class Forwards {
  private peerBootId: string | undefined;
  /** Of the peer's present life; what an older one forwarded and is still under way keeps the map of that life. */
  private seen = new Map<number, 'open' | 'done'>();

  constructor(
    private readonly context: DataPathContext,
    private readonly submit: (operation: Operation) => void,
  ) {}

  peerArrived(bootId: string): void {
    if (this.peerBootId === bootId) return;
    this.peerBootId = bootId;
    this.seen = new Map();
  }

  take(request: Frame): void {
    const { context, seen: forwardsSeen } = this;
    const { gate, peer } = context;
    const leg = context.legs[request.volume];
    const answer = (status: number): void => {
      context.peer?.send(
        frame(frameTypes.forwardDone, { id: request.id, status, epoch: context.gate.epoch }),
      );
    };
    const seen = forwardsSeen.get(request.id);
    if (seen === 'done') answer(frameStatus.ok);
    if (seen !== undefined) return;
    const serves =
      gate.host !== 'closed' && gate.sequencer === context.nodeId && request.epoch === gate.epoch;
    if (leg === undefined || !serves || request.offsetBytes + request.lengthBytes > leg.sizeBytes) {
      answer(frameStatus.notServing);
      return;
    }
    const initiatorId =
      (request.flags & frameFlags.hasOrigin) === 0 ? undefined : peer?.originAt(request.origin);
    const origin =
      initiatorId === undefined
        ? undefined
        : {
            initiatorId,
            generation: request.generation,
            operation: request.operation,
            acknowledgedBelow: request.extra,
          };
    forwardsSeen.set(request.id, 'open');
    const operation = new Operation(
      leg,
      request.offsetBytes,
      request.lengthBytes,
      request.type === frameTypes.forwardZeroes ? undefined : request.payload,
      (request.flags & frameFlags.forceUnitAccess) !== 0,
      (request.flags & frameFlags.mayTrim) !== 0,
      origin,
      undefined,
      (error) => {
        if (error === undefined) {
          forwardsSeen.set(request.id, 'done');
          request.giveBack?.();
        } else forwardsSeen.delete(request.id);
        if (this.seen.size > forwardsRemembered) this.forgetForward();
      },
    );
    operation.forwardId = request.id;
    operation.forwardBootId = this.peerBootId;
    this.submit(operation);
  }

  private forgetForward(): void {
    for (const [id, state] of this.seen) {
      if (state === 'open') continue;
      this.seen.delete(id);
      return;
    }
  }
}
