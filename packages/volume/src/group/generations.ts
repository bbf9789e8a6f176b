import { type AbortSignalLike, HoldfastError } from '@holdfast/core';
import { farewellGeneration } from '../order/origins.js';
import { decodeJson, encodeJson, type Frame, frame, frameTypes } from '../wire/index.js';
import { type DataPathContext, staleGeneration } from './context.js';

interface Raise {
  readonly initiatorId: string;
  readonly generation: number;
  /** Operations below this may have been sent before, over other paths. */
  readonly sentBelow: number;
  /** What is still missing: everything of lower generations here, and the other node's word. */
  ownFinished: boolean;
  peerFinished: boolean;
  readonly settled: (error: HoldfastError | undefined) => void;
}

/**
 * Opens a new generation of an initiator's path. A repeat over the new path may be admitted only when everything that came over
 * older ones is finished or dropped, on both nodes: otherwise an old write that still waits somewhere would land on a newer one.
 *
 * The node that the initiator came to asks the sequencer; the sequencer raises its own registry and asks the other node.
 */
export class Generations {
  private readonly open = new Map<number, Raise>();
  private waiting: Raise[] = [];
  private token = 0;

  constructor(
    private readonly context: DataPathContext,
    /** Drops writes of lower generations that this node has not ordered yet. */
    private readonly dropLower: (initiatorId: string, generation: number) => void,
  ) {}

  raise(initiatorId: string, generation: number, sentBelow: number, signal?: AbortSignalLike): Promise<void> {
    return new Promise((resolve, reject) => {
      const raise: Raise = {
        initiatorId,
        generation,
        sentBelow,
        ownFinished: false,
        peerFinished: false,
        settled: (error) => {
          signal?.removeEventListener('abort', aborted);
          if (error === undefined) resolve();
          else reject(error);
        },
      };
      const aborted = (): void => {
        this.waiting = this.waiting.filter((other) => other !== raise);
        for (const [token, other] of this.open) if (other === raise) this.open.delete(token);
        reject(new HoldfastError('ABORTED', 'The initiator has gone before its path was open.'));
      };
      signal?.addEventListener('abort', aborted);
      this.begin(raise);
    });
  }

  private begin(raise: Raise): void {
    if (this.context.gate.host !== 'open') {
      this.waiting.push(raise);
      return;
    }
    this.token += 1;
    this.open.set(this.token, raise);
    this.raiseHere(this.token, raise);
    if (this.context.gate.legs === 'own') raise.peerFinished = true;
    else this.askPeer(this.token, raise);
    this.tryEnd(this.token, raise);
  }

  private raiseHere(token: number, raise: Raise): void {
    const { initiatorId, generation, sentBelow } = raise;
    const drained = (): void => {
      raise.ownFinished = true;
      this.tryEnd(token, raise);
    };
    const verdict = this.context.origins.raise(initiatorId, generation, drained, sentBelow);
    if (verdict.kind === 'stale') {
      this.open.delete(token);
      raise.settled(staleGeneration());
      return;
    }
    raise.ownFinished = verdict.waitingFor === 0;
    this.dropLower(initiatorId, generation);
  }

  private askPeer(token: number, raise: Raise): void {
    const { initiatorId, generation, sentBelow } = raise;
    const payload = encodeJson({ initiatorId, generation, sentBelow });
    this.context.peer?.send(frame(frameTypes.raiseGeneration, { id: token, payload }));
  }

  private tryEnd(token: number, raise: Raise): void {
    if (!raise.ownFinished || !raise.peerFinished || !this.open.has(token)) return;
    if (this.context.gate.host !== 'open') return;
    this.open.delete(token);
    raise.settled(undefined);
  }

  peerFrame(next: Frame): void {
    if (next.type === frameTypes.generationRaised) {
      const raise = this.open.get(next.id);
      if (raise === undefined) return;
      raise.peerFinished = true;
      this.tryEnd(next.id, raise);
      return;
    }
    const words = decodeJson(next.payload, 'A request to raise a generation');
    const { initiatorId, generation, sentBelow = 0 } = words;
    const isNamed =
      typeof initiatorId === 'string' && initiatorId.length <= 4_096 && isGeneration(generation);
    if (!isNamed || typeof sentBelow !== 'number') {
      throw new HoldfastError(
        'PROTOCOL',
        'A request to raise a generation names no initiator or no generation.',
      );
    }
    const answer = (): void => {
      this.context.peer?.send(frame(frameTypes.generationRaised, { id: next.id }));
    };
    const waitingFor = this.raiseForPeer({ initiatorId, generation, sentBelow }, answer);
    this.dropLower(initiatorId, generation);
    if (waitingFor === 0) answer();
  }

  /** How many writes of lower generations are still to finish here; undefined: no word can be given, and the path stays shut. */
  private raiseForPeer(
    { initiatorId, generation, sentBelow }: Pick<Raise, 'initiatorId' | 'generation' | 'sentBelow'>,
    finished: () => void,
  ): number | undefined {
    try {
      const verdict = this.context.origins.raise(initiatorId, generation, finished, sentBelow);
      return verdict.kind === 'stale' ? 0 : verdict.waitingFor;
    } catch (error) {
      if (HoldfastError.is(error, 'NO_SPACE')) return undefined;
      throw error;
    }
  }

  progressed(): void {
    for (const [token, raise] of this.open) this.tryEnd(token, raise);
  }

  sessionEnded(): void {
    for (const raise of this.open.values()) raise.peerFinished = false;
  }

  /** An unreachable node confirms nothing; only the epoch of a node that goes on alone makes its word unnecessary. */
  gateChanged(): void {
    const { gate } = this.context;
    if (gate.host !== 'open') return;
    for (const [token, raise] of [...this.open]) {
      if (raise.peerFinished) continue;
      if (gate.legs === 'own') raise.peerFinished = true;
      else this.askPeer(token, raise);
      this.tryEnd(token, raise);
    }
    for (const raise of this.waiting.splice(0)) this.begin(raise);
  }
}

/** Frames carry a generation in 32 bits. */
function isGeneration(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= farewellGeneration;
}
