import { type Address, type CallOptions, type Clock, HoldfastError, type Transport } from '@holdfast/core';
import { type Frame, frame, frameStatus, frameTypes } from '../wire/frame.js';
import { FrameStream } from '../wire/frame-stream.js';
import {
  type ControlEvent,
  type ControlQuestion,
  decodeAnswer,
  decodeEvent,
  decodeFailure,
  encodeQuestion,
} from './messages.js';

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: HoldfastError) => void;
}

export interface ConnectionOptions {
  readonly nodeId: string;
  readonly address: Address;
  readonly clusterId: string;
  readonly transport: Transport;
  readonly clock: Clock;
}

/** One open stream to one node's control socket. Requests run side by side; when the stream ends, all of them fail. */
export class ControlConnection {
  private readonly waiting = new Map<number, Waiting>();
  private readonly frames: FrameStream;
  private nextId = 1;
  private cause: string | undefined;

  private constructor(
    private readonly options: ConnectionOptions,
    stream: ConstructorParameters<typeof FrameStream>[0],
    private readonly heard: (event: ControlEvent) => void,
    private readonly closed: (cause: string) => void,
  ) {
    this.frames = new FrameStream(stream, {
      frame: (next) => this.receive(next),
      closed: (reason) => this.end(reason),
    });
  }

  static async open(
    options: ConnectionOptions,
    call: CallOptions,
    heard: (event: ControlEvent) => void,
    closed: (cause: string) => void,
  ): Promise<ControlConnection> {
    const stream = await options.transport.connect(options.address, call);
    return new ControlConnection(options, stream, heard, closed);
  }

  get isOpen(): boolean {
    return this.cause === undefined;
  }

  close(cause: string): void {
    this.frames.close(cause);
  }

  /** An abort or a deadline ends the waiting; the node may carry the request out all the same. */
  ask(question: ControlQuestion, call: CallOptions & { readonly deadlineMs: number }): Promise<unknown> {
    const { nodeId, clusterId, clock } = this.options;
    if (call.signal?.aborted === true) return Promise.reject(aborted(nodeId, question));
    if (this.cause !== undefined) return Promise.reject(lost(nodeId, this.cause));
    const id = this.nextId;
    this.nextId += 1;
    return new Promise((resolve, reject) => {
      const forget = (): void => {
        this.waiting.delete(id);
        deadline.cancel();
        call.signal?.removeEventListener('abort', onAbort);
      };
      const onAbort = (): void => {
        forget();
        reject(aborted(nodeId, question));
      };
      const deadline = clock.setTimer(call.deadlineMs, () => {
        forget();
        reject(
          new HoldfastError(
            'DEADLINE_EXCEEDED',
            `Node '${nodeId}' did not answer '${question.verb}' within ${call.deadlineMs} ms.`,
            { retryable: true },
          ),
        );
      });
      call.signal?.addEventListener('abort', onAbort);
      this.waiting.set(id, {
        resolve: (value) => {
          forget();
          resolve(value);
        },
        reject: (error) => {
          forget();
          reject(error);
        },
      });
      this.frames.send(
        frame(frameTypes.controlRequest, { id, payload: encodeQuestion(clusterId, question) }),
      );
    });
  }

  private receive(next: Frame): void {
    try {
      if (next.type === frameTypes.controlEvent) {
        this.heard(decodeEvent(next.payload));
        return;
      }
      const waiting = this.waiting.get(next.id);
      // Nobody waits any more: aborted, or out of time.
      if (next.type !== frameTypes.controlReply || waiting === undefined) return;
      if (next.status === frameStatus.ok) waiting.resolve(decodeAnswer(next.payload));
      else waiting.reject(decodeFailure(next.payload));
    } catch (error) {
      this.frames.close(error instanceof Error ? error.message : String(error));
    }
  }

  private end(cause: string): void {
    this.cause = cause;
    for (const waiting of [...this.waiting.values()]) waiting.reject(lost(this.options.nodeId, cause));
    this.closed(cause);
  }
}

function lost(nodeId: string, cause: string): HoldfastError {
  return new HoldfastError(
    'UNREACHABLE',
    `The control connection to node '${nodeId}' ended: ${cause}. Whether the request was carried out is not known; ask for its status.`,
    { retryable: true },
  );
}

function aborted(nodeId: string, question: ControlQuestion): HoldfastError {
  return new HoldfastError(
    'ABORTED',
    `The caller gave up waiting for node '${nodeId}' to answer '${question.verb}'.`,
  );
}
