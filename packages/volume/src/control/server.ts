import { type ByteStream, HoldfastError } from '@holdfast/core';
import type { NodeEvent, VolumeNode } from '../api.js';
import { type Frame, frame, frameStatus, frameTypes, maxPayloadBytes } from '../wire/frame.js';
import { FrameStream } from '../wire/frame-stream.js';
import { encodeJson } from '../wire/json.js';
import {
  type ControlEvent,
  type ControlQuestion,
  decodeQuestion,
  encodeAnswer,
  encodeFailure,
} from './messages.js';

export interface ServeControlOptions {
  readonly node: VolumeNode;
  /** One accepted connection. Who may connect is decided before: by the socket's folder, or by TLS. */
  readonly stream: ByteStream;
  /** Called when a request was turned away: of another cluster, or none of ours. */
  readonly refused?: (refusal: { readonly remote: string; readonly reason: string }) => void;
}

/** Answers the questions of one controller until its stream ends, or until it is disposed of. */
export function serveControl(options: ServeControlOptions): AsyncDisposable {
  const session = new ControlSession(options);
  return {
    [Symbol.asyncDispose]: async () => {
      session.close('the node closes its control socket');
    },
  };
}

class ControlSession {
  private readonly frames: FrameStream;
  private stopEvents: (() => void) | undefined;
  private missed = 0;

  constructor(private readonly options: ServeControlOptions) {
    this.frames = new FrameStream(options.stream, {
      frame: (next) => void this.receive(next),
      closed: () => this.stopEvents?.(),
    });
  }

  close(cause: string): void {
    this.stopEvents?.();
    this.frames.close(cause);
  }

  private async receive(request: Frame): Promise<void> {
    try {
      if (request.type !== frameTypes.controlRequest) {
        throw new HoldfastError(
          'PROTOCOL',
          `A control socket takes requests (type ${frameTypes.controlRequest}), not frames of type ${request.type}.`,
        );
      }
      const { clusterId, question } = decodeQuestion(request.payload);
      this.checkCluster(clusterId);
      this.reply(request.id, frameStatus.ok, encodeAnswer(await this.answer(request.id, question)));
    } catch (error) {
      if (HoldfastError.is(error, 'PROTOCOL') || HoldfastError.is(error, 'NOT_AUTHORIZED')) {
        this.options.refused?.({ remote: this.frames.remote, reason: error.message });
      }
      this.reply(request.id, frameStatus.failed, encodeFailure(error));
    }
  }

  private checkCluster(clusterId: string): void {
    const own = this.options.node.status();
    if (clusterId === own.clusterId) return;
    throw new HoldfastError(
      'NOT_AUTHORIZED',
      `Node '${own.nodeId}' belongs to cluster '${own.clusterId}', the request is for cluster '${clusterId}'. Check the address and the cluster id in the controller's configuration.`,
    );
  }

  private async answer(id: number, question: ControlQuestion): Promise<unknown> {
    const { node } = this.options;
    switch (question.verb) {
      case 'status':
        return node.status();
      case 'why':
        return fitting(node.recentDecisions(question.limit));
      case 'command':
        return node.command(question.command);
      case 'evidence':
        node.giveEvidence(question.evidence);
        return true;
      case 'subscribe':
        this.stopEvents ??= node.subscribe((event) => this.push(id, event));
        return true;
    }
  }

  /** A reader that takes nothing must not fill this node's memory: its events are counted instead of kept. */
  private push(id: number, event: NodeEvent): void {
    if (this.frames.backlogged) {
      this.missed += 1;
      return;
    }
    if (this.missed > 0) this.pushNow(id, { kind: 'events-missed', count: this.missed });
    this.missed = 0;
    this.pushNow(id, event);
  }

  private pushNow(id: number, event: ControlEvent): void {
    this.frames.send(frame(frameTypes.controlEvent, { id, payload: encodeJson(event) }));
  }

  private reply(id: number, status: number, payload: Uint8Array): void {
    this.frames.send(frame(frameTypes.controlReply, { id, status, payload }));
  }
}

/** As many of the newest decisions (they stand last) as one frame can carry. */
function fitting<Entry>(entries: readonly Entry[]): readonly Entry[] {
  let kept = entries;
  while (kept.length > 1 && encodeAnswer(kept).length > maxPayloadBytes)
    kept = kept.slice(Math.ceil(kept.length / 2));
  return kept;
}
