import { BodyPool } from './body-pool.js';
import { HoldfastError } from '@holdfast/core';

/** First bytes of every frame: the letters HF, and the version of the wire format. */
export const wireMagic = 0x4846_0001;
export const headerBytes = 64;
/** Payloads are at most one slice of a request, or one map of a resync. */
export const maxPayloadBytes = 4 * 1024 * 1024;

/** Numbers are part of the wire format: they never change, they are only added to. */
export const frameTypes = {
  hello: 1,
  welcome: 2,
  refuse: 3,
  ping: 4,
  pong: 5,
  policy: 6,
  origin: 7,
  replicateWrite: 16,
  replicateZeroes: 17,
  replicateForwarded: 18,
  applied: 19,
  forwardWrite: 20,
  forwardZeroes: 21,
  forwardDone: 22,
  flush: 23,
  flushed: 24,
  checkpoint: 25,
  raiseGeneration: 26,
  generationRaised: 27,
  confirmRead: 28,
  readConfirmed: 29,
  resyncMap: 32,
  resyncMapEnd: 33,
  resyncWrite: 34,
  resyncApplied: 35,
  resyncCompare: 36,
  resyncCompared: 37,
  originsDone: 38,
  resyncBegin: 39,
  resyncTaken: 40,
  settled: 41,
  pathRead: 64,
  pathWrite: 65,
  pathZeroes: 66,
  pathFlush: 67,
  pathReply: 68,
  pathState: 69,
  controlRequest: 96,
  controlReply: 97,
  controlEvent: 98,
} as const;

export type FrameType = (typeof frameTypes)[keyof typeof frameTypes];

export const frameFlags = { forceUnitAccess: 1, mayTrim: 2, hasOrigin: 4 } as const;

/** 0 is success; the others say why the request was not carried out. */
export const frameStatus = {
  ok: 0,
  failed: 1,
  staleEpoch: 2,
  notServing: 3,
  outOfRange: 4,
  staleGeneration: 5,
} as const;

/**
 * One frame: 64 bytes of header, then the payload. One shape for all types, so that the engine sees one hidden class.
 * Little endian. Which fields a type uses stands in `packages/volume/docs` of the wire format.
 */
export interface Frame {
  type: number;
  flags: number;
  /** Index of the volume in the group. */
  volume: number;
  status: number;
  /** Sequence number, forward id or request id. */
  id: number;
  offsetBytes: number;
  lengthBytes: number;
  epoch: number;
  /** Index of the initiator in this session (see type `origin`), with `hasOrigin`. */
  origin: number;
  generation: number;
  operation: number;
  /** Forward id in `replicateForwarded`; in requests, all operations below this were acknowledged to the client. */
  extra: number;
  payload: Uint8Array;
  /**
   * There for a large payload that was received: lets its memory be used again. May be called once nothing reads from the
   * payload any more; when it is not called, the memory goes with the frame.
   */
  giveBack?: () => void;
}

export const noPayload = new Uint8Array(0);

export function frame(type: FrameType, fields: Partial<Omit<Frame, 'type'>> = {}): Frame {
  return {
    type,
    flags: fields.flags ?? 0,
    volume: fields.volume ?? 0,
    status: fields.status ?? 0,
    id: fields.id ?? 0,
    offsetBytes: fields.offsetBytes ?? 0,
    lengthBytes: fields.lengthBytes ?? 0,
    epoch: fields.epoch ?? 0,
    origin: fields.origin ?? 0,
    generation: fields.generation ?? 0,
    operation: fields.operation ?? 0,
    extra: fields.extra ?? 0,
    payload: fields.payload ?? noPayload,
  };
}

const high = 0x1_0000_0000;

function setSafe(view: DataView, at: number, value: number): void {
  view.setUint32(at, value >>> 0, true);
  view.setUint32(at + 4, Math.floor(value / high), true);
}

function getSafe(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * high;
}

/** Writes the header of `source` at `at`; the payload follows on the stream as it is. */
export function encodeHeader(view: DataView, at: number, source: Frame): void {
  view.setUint32(at, wireMagic, true);
  view.setUint16(at + 4, source.type, true);
  view.setUint16(at + 6, source.flags, true);
  view.setUint16(at + 8, source.volume, true);
  view.setUint16(at + 10, source.status, true);
  view.setUint32(at + 12, source.payload.length, true);
  setSafe(view, at + 16, source.id);
  setSafe(view, at + 24, source.offsetBytes);
  view.setUint32(at + 32, source.lengthBytes, true);
  view.setUint32(at + 36, source.epoch, true);
  view.setUint32(at + 40, source.origin, true);
  view.setUint32(at + 44, source.generation, true);
  setSafe(view, at + 48, source.operation);
  setSafe(view, at + 56, source.extra);
}

function decodeHeader(view: DataView, at: number): Frame {
  return {
    type: view.getUint16(at + 4, true),
    flags: view.getUint16(at + 6, true),
    volume: view.getUint16(at + 8, true),
    status: view.getUint16(at + 10, true),
    id: getSafe(view, at + 16),
    offsetBytes: getSafe(view, at + 24),
    lengthBytes: view.getUint32(at + 32, true),
    epoch: view.getUint32(at + 36, true),
    origin: view.getUint32(at + 40, true),
    generation: view.getUint32(at + 44, true),
    operation: getSafe(view, at + 48),
    extra: getSafe(view, at + 56),
    payload: noPayload,
  };
}

/** Reading less than this straight to where it belongs is not worth the words. */
const smallestLandingBytes = 4 * 1024;
/** What is smaller is left to the collector. */
const smallestPooledBytes = 2 * 1024;

/**
 * Cuts a stream of bytes into frames, however the bytes are split. Every payload lies in memory of its own, so that the stream can read
 * into the same chunk again: to copy some KiB costs less than new memory, which sooner or later makes the collector look at everything.
 */
export class FrameParser {
  private readonly head = new Uint8Array(headerBytes);
  private readonly headView = new DataView(this.head.buffer);
  private headFilled = 0;
  private readonly bodies = new BodyPool();
  private open: Frame | undefined;
  private body: Uint8Array = noPayload;
  private bodyFilled = 0;

  /**
   * @param allocate memory for a payload; it need not be cleared, every byte of it is written.
   * @param giveBack hears of every chunk that was taken in.
   */
  constructor(
    private readonly found: (frame: Frame) => void,
    private readonly allocate = (lengthBytes: number): Uint8Array => new Uint8Array(lengthBytes),
    private readonly giveBack?: (chunk: Uint8Array) => void,
  ) {}

  /** @throws HoldfastError PROTOCOL when the bytes are none of ours; the stream is of no use after that. */
  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.open !== undefined) {
        at += this.fillBody(chunk, at, this.open);
        continue;
      }
      if (this.headFilled === 0 && chunk.length - at >= headerBytes) {
        const view = new DataView(chunk.buffer, chunk.byteOffset + at, headerBytes);
        at = this.begin(view, chunk, at + headerBytes);
        continue;
      }
      const take = Math.min(headerBytes - this.headFilled, chunk.length - at);
      this.head.set(chunk.subarray(at, at + take), this.headFilled);
      this.headFilled += take;
      at += take;
      if (this.headFilled === headerBytes) {
        this.headFilled = 0;
        at = this.begin(this.headView, chunk, at);
      }
    }
    this.giveBack?.(chunk);
  }

  /** Where the next bytes belong, when they are the rest of a payload. */
  landing(): Uint8Array | undefined {
    if (this.open === undefined || this.body.length - this.bodyFilled < smallestLandingBytes)
      return undefined;
    return this.body.subarray(this.bodyFilled);
  }

  /** So many bytes lie where `landing` said. */
  landed(lengthBytes: number): void {
    if (this.open === undefined) return;
    this.bodyFilled += lengthBytes;
    this.foundIfWhole(this.open);
  }

  private begin(view: DataView, chunk: Uint8Array, at: number): number {
    const magic = view.getUint32(0, true);
    if (magic !== wireMagic) {
      throw new HoldfastError(
        'PROTOCOL',
        `Expected a Holdfast frame of wire version 1, got bytes 0x${magic.toString(16)}: is the other side the same release?`,
      );
    }
    const payloadBytes = view.getUint32(12, true);
    if (payloadBytes > maxPayloadBytes) {
      throw new HoldfastError(
        'PROTOCOL',
        `A frame announces ${String(payloadBytes)} bytes, more than the ${String(maxPayloadBytes)} allowed.`,
      );
    }
    const next = decodeHeader(view, 0);
    if (payloadBytes === 0) {
      this.found(next);
      return at;
    }
    if (payloadBytes < smallestPooledBytes && chunk.length - at >= payloadBytes) {
      next.payload = new Uint8Array(payloadBytes);
      next.payload.set(chunk.subarray(at, at + payloadBytes));
      this.found(next);
      return at + payloadBytes;
    }
    this.open = next;
    this.body = this.bodies.take(payloadBytes) ?? this.allocate(payloadBytes);
    this.bodyFilled = 0;
    return at + this.fillBody(chunk, at, next);
  }

  private fillBody(chunk: Uint8Array, at: number, open: Frame): number {
    const take = Math.min(this.body.length - this.bodyFilled, chunk.length - at);
    this.body.set(chunk.subarray(at, at + take), this.bodyFilled);
    this.bodyFilled += take;
    this.foundIfWhole(open);
    return take;
  }

  private foundIfWhole(open: Frame): void {
    const { body } = this;
    if (this.bodyFilled < body.length) return;
    open.payload = body;
    let given = false;
    open.giveBack = () => {
      // Twice would hand one memory to two frames.
      if (!given) this.bodies.give(body);
      given = true;
    };
    this.body = noPayload;
    this.open = undefined;
    this.found(open);
  }
}
