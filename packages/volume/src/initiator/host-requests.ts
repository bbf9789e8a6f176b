import { type BlockBuffer, type Clock, HoldfastError } from '@holdfast/core';
import type { LatencyWindow, VolumeDescription } from '../api.js';
import { decodeReason, maxRequestBytes, maxZeroesBytes } from '../path/messages.js';
import { type Frame, frameFlags, frameStatus, type FrameType, frameTypes, noPayload } from '../wire/index.js';
import type { InitiatorPath } from './initiator-path.js';
import { LatencyHistogram } from './latency.js';
import { PartCounter } from './parts.js';
import type { PathSteering } from './path-steering.js';
import { PendingRequest, type SettleRequest } from './pending-request.js';
import type { RequestTable } from './request-table.js';

/** What requests need to know of the paths. */
export type Sender = Pick<PathSteering, 'sendPath' | 'generation' | 'isMoving' | 'drained' | 'reopen'>;

/** The requests of all clients, with callbacks: numbered, sent, kept until their replies, repeated. */
export class HostRequests {
  /** Unanswered requests that were sent on the active path. */
  sentCount = 0;
  repeated = 0;
  /** Writes from this number on were never sent. Numbered and sent are two things: what comes while no path is open waits. */
  sentBelow = 0;
  /** While set, everything fails with it at once. */
  refusal: HoldfastError | undefined;
  readonly volumes: VolumeDescription[] = [];
  private readonly readLatency = new LatencyHistogram();
  private readonly writeLatency = new LatencyHistogram();
  private readonly flushLatency = new LatencyHistogram();

  constructor(
    private readonly clock: Clock,
    private readonly table: RequestTable,
    private readonly sender: Sender,
  ) {}

  get inFlight(): number {
    return this.table.inFlight;
  }

  get acknowledgedBelow(): number {
    return this.table.acknowledgedBelow;
  }

  latency(): { readonly read: LatencyWindow; readonly write: LatencyWindow; readonly flush: LatencyWindow } {
    return {
      read: this.readLatency.take(),
      write: this.writeLatency.take(),
      flush: this.flushLatency.take(),
    };
  }

  read(volume: number, offsetBytes: number, lengthBytes: number, settle: SettleRequest): void {
    if (!this.check(volume, offsetBytes, lengthBytes, settle)) return;
    if (lengthBytes === 0) settle(undefined, borrowed(noPayload));
    else if (lengthBytes <= maxRequestBytes)
      this.submit(frameTypes.pathRead, volume, offsetBytes, lengthBytes, noPayload, 0, settle);
    else this.readParts(volume, offsetBytes, lengthBytes, settle);
  }

  /** `data` must stay as it is until the request is settled: it may be sent again. */
  write(
    volume: number,
    offsetBytes: number,
    data: Uint8Array,
    forceUnitAccess: boolean,
    settle: SettleRequest,
  ): void {
    if (!this.check(volume, offsetBytes, data.length, settle)) return;
    const flags = forceUnitAccess ? frameFlags.forceUnitAccess : 0;
    this.inParts(data.length, maxRequestBytes, settle, (from, lengthBytes, part) => {
      const bytes = lengthBytes === data.length ? data : data.subarray(from, from + lengthBytes);
      this.submit(frameTypes.pathWrite, volume, offsetBytes + from, lengthBytes, bytes, flags, part);
    });
  }

  writeZeroes(
    volume: number,
    offsetBytes: number,
    lengthBytes: number,
    forceUnitAccess: boolean,
    mayTrim: boolean,
    settle: SettleRequest,
  ): void {
    if (!this.check(volume, offsetBytes, lengthBytes, settle)) return;
    const flags = (forceUnitAccess ? frameFlags.forceUnitAccess : 0) | (mayTrim ? frameFlags.mayTrim : 0);
    this.inParts(lengthBytes, maxZeroesBytes, settle, (from, partBytes, part) => {
      this.submit(frameTypes.pathZeroes, volume, offsetBytes + from, partBytes, noPayload, flags, part);
    });
  }

  flush(volume: number, settle: SettleRequest): void {
    this.submit(frameTypes.pathFlush, volume, 0, 0, noPayload, 0, settle);
  }

  /** A path is open under a new generation. Gives back how many of the requests had been sent before. */
  sendAll(path: InitiatorPath): number {
    const before = this.repeated;
    this.sentCount = 0;
    for (const request of this.table.all()) this.send(path, request);
    this.takeWaiting();
    return this.repeated - before;
  }

  sendUnsent(path: InitiatorPath): void {
    for (const request of this.table.all()) if (!request.sent) this.send(path, request);
    this.takeWaiting();
  }

  /** Nothing that was sent will be answered. */
  forgetSent(): void {
    this.sentCount = 0;
    for (const request of this.table.all()) request.sent = false;
  }

  /** Settles everything with an error; none of it is repeated afterwards. */
  failAll(error: HoldfastError): void {
    this.sentCount = 0;
    for (const request of this.table.removeAll()) request.settle(error, undefined);
  }

  replied(reply: Frame, now: number): void {
    const request = this.table.get(reply.id);
    if (request?.sent !== true) return;
    if (
      reply.status === frameStatus.staleGeneration ||
      reply.status === frameStatus.notServing ||
      reply.status === frameStatus.staleEpoch
    ) {
      this.sender.reopen('its node asks for a new generation');
      return;
    }
    this.table.remove(request);
    this.sentCount--;
    this.settle(request, reply, now);
    if (this.table.hasWaiting) this.takeWaiting();
    if (this.sentCount === 0 && this.sender.isMoving) this.sender.drained();
  }

  private settle(request: PendingRequest, reply: Frame, now: number): void {
    const latencyMs = now - request.startedAt;
    if (reply.status !== frameStatus.ok) {
      request.settle(errorOf(reply), undefined);
    } else if (request.type === frameTypes.pathRead) {
      this.readLatency.record(latencyMs);
      request.settle(undefined, borrowed(reply.payload, reply.giveBack));
    } else {
      if (request.isWrite) this.writeLatency.record(latencyMs);
      else this.flushLatency.record(latencyMs);
      request.settle(undefined, undefined);
    }
  }

  private submit(
    type: FrameType,
    volume: number,
    offsetBytes: number,
    lengthBytes: number,
    data: Uint8Array,
    flags: number,
    settle: SettleRequest,
  ): void {
    if (this.refusal !== undefined) {
      settle(this.refusal, undefined);
      return;
    }
    const request = new PendingRequest(
      type,
      volume,
      offsetBytes,
      lengthBytes,
      data,
      flags,
      this.clock.now(),
      settle,
    );
    if (this.table.add(request) && this.sender.sendPath !== undefined)
      this.send(this.sender.sendPath, request);
  }

  private send(path: InitiatorPath, request: PendingRequest): void {
    if (request.sentBefore) this.repeated++;
    request.sent = true;
    request.sentBefore = true;
    if (request.operation >= this.sentBelow) this.sentBelow = request.operation + 1;
    this.sentCount++;
    path.send(
      request.toFrame(path.volumeAt(request.volume), this.sender.generation, this.table.acknowledgedBelow),
    );
  }

  private takeWaiting(): void {
    for (let request = this.table.next(); request !== undefined; request = this.table.next()) {
      if (this.sender.sendPath !== undefined) this.send(this.sender.sendPath, request);
    }
  }

  private readParts(volume: number, offsetBytes: number, lengthBytes: number, settle: SettleRequest): void {
    const whole = new Uint8Array(lengthBytes);
    const done: SettleRequest = (error) => {
      if (error === undefined) settle(undefined, borrowed(whole));
      else settle(error, undefined);
    };
    this.inParts(lengthBytes, maxRequestBytes, done, (from, partBytes, part) => {
      this.submit(
        frameTypes.pathRead,
        volume,
        offsetBytes + from,
        partBytes,
        noPayload,
        0,
        (error, buffer) => {
          if (buffer !== undefined) whole.set(buffer.bytes, from);
          part(error, undefined);
        },
      );
    });
  }

  private inParts(
    lengthBytes: number,
    partBytes: number,
    settle: SettleRequest,
    each: (from: number, lengthBytes: number, settle: SettleRequest) => void,
  ): void {
    if (lengthBytes <= partBytes) {
      if (lengthBytes === 0) settle(undefined, undefined);
      else each(0, lengthBytes, settle);
      return;
    }
    const { part } = new PartCounter(Math.ceil(lengthBytes / partBytes), (error) => settle(error, undefined));
    for (let from = 0; from < lengthBytes; from += partBytes)
      each(from, Math.min(partBytes, lengthBytes - from), part);
  }

  private check(volume: number, offsetBytes: number, lengthBytes: number, settle: SettleRequest): boolean {
    const description = this.volumes[volume];
    const sizeBytes = description?.sizeBytes ?? 0;
    if (
      Number.isSafeInteger(offsetBytes) &&
      Number.isSafeInteger(lengthBytes) &&
      offsetBytes >= 0 &&
      lengthBytes >= 0 &&
      offsetBytes + lengthBytes <= sizeBytes
    )
      return true;
    const range = `${offsetBytes} + ${lengthBytes}`;
    settle(
      new HoldfastError(
        'OUT_OF_RANGE',
        `${range} is outside of volume '${description?.volumeId ?? '?'}' of ${sizeBytes} bytes.`,
      ),
      undefined,
    );
    return false;
  }
}

function errorOf(reply: Frame): HoldfastError {
  const reason = decodeReason(reply.payload);
  if (reply.status === frameStatus.outOfRange)
    return new HoldfastError('OUT_OF_RANGE', `The node refused the range: ${reason}.`);
  return new HoldfastError('IO_FAILED', `The node could not carry out the request: ${reason}.`);
}

const nothing = (): void => undefined;

function borrowed(bytes: Uint8Array, release: () => void = nothing): BlockBuffer {
  return { bytes, release };
}
