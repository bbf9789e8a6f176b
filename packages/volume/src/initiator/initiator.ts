import { type BlockBuffer, type CallOptions, HoldfastError, OptionsError } from '@holdfast/core';
import type { NbdExport } from '@holdfast/nbd';
import type { Initiator, InitiatorEvent, InitiatorStatus, VolumeDescription } from '../api.js';
import { defaultInitiatorTuning, type InitiatorOptions, type InitiatorTuning } from '../options.js';
import type { PathWelcome } from '../path/messages.js';
import type { Frame } from '../wire/index.js';
import { abortedError, boundBy, isBounded } from './bounded-wait.js';
import { HostRequests } from './host-requests.js';
import type { InitiatorPath } from './initiator-path.js';
import { nbdExportOf } from './nbd-export.js';
import { PathSteering, type SteeringOwner } from './path-steering.js';
import type { SettleRequest } from './pending-request.js';
import { RequestTable } from './request-table.js';

/** When nothing was said about it, people hear of a missing survivor after this time. */
const defaultNoSurvivor = { holdMs: 5_000, then: 'hold' } as const;

/** The host's side of a group, see `createInitiator`. */
export class HostInitiator implements Initiator, SteeringOwner {
  readonly initiatorId: string;
  private readonly requests: HostRequests;
  private readonly steering: PathSteering;
  private readonly listeners = new Set<(event: InitiatorEvent) => void>();
  private readonly noSurvivor: NonNullable<InitiatorOptions['onNoSurvivor']>;
  private unservedSince: number | undefined;
  private toldOfNoSurvivor = false;
  private stopped = false;
  private greeted: { readonly resolve: () => void; readonly reject: (error: Error) => void } | undefined;

  /** @throws OptionsError OPTIONS_INVALID */
  constructor(private readonly options: InitiatorOptions) {
    const tuning = resolveTuning(options);
    const fresh = options.random.id();
    this.initiatorId = options.initiatorId === undefined ? fresh : `${options.initiatorId}.${fresh}`;
    this.noSurvivor = options.onNoSurvivor ?? defaultNoSurvivor;
    this.steering = new PathSteering(options, tuning, this.initiatorId, this);
    this.requests = new HostRequests(
      options.clock,
      new RequestTable(tuning.maxInFlight, tuning.maxInFlightBytes),
      this.steering,
    );
  }

  get volumes(): readonly VolumeDescription[] {
    return this.requests.volumes;
  }

  get sentCount(): number {
    return this.requests.sentCount;
  }

  get sentBelow(): number {
    return this.requests.sentBelow;
  }

  get acknowledgedBelow(): number {
    return this.requests.acknowledgedBelow;
  }

  /** Settles when a node has said which volumes there are. */
  start(options: CallOptions): Promise<void> {
    return new Promise((resolve, reject) => {
      const what = 'greeting of a node';
      if (options.signal?.aborted === true) {
        reject(abortedError(options.signal, what));
        return;
      }
      const settle = boundBy(this.options.clock, options, what, (error) => {
        this.greeted = undefined;
        if (error === undefined) resolve();
        else reject(error);
      });
      this.greeted = {
        resolve: () => settle(undefined, undefined),
        reject: (error) => settle(error, undefined),
      };
      this.steering.start();
    });
  }

  read(
    volumeId: string,
    offsetBytes: number,
    lengthBytes: number,
    options?: CallOptions,
  ): Promise<BlockBuffer> {
    return new Promise((resolve, reject) => {
      const volume = this.indexOf(volumeId);
      const settle = this.bound(options, 'read', (error, buffer) => {
        if (buffer !== undefined) resolve(buffer);
        else reject(error ?? new HoldfastError('IO_FAILED', 'A read was answered without bytes.'));
      });
      this.requests.read(volume, offsetBytes, lengthBytes, settle);
    });
  }

  write(
    volumeId: string,
    offsetBytes: number,
    data: Uint8Array,
    options?: CallOptions & { readonly forceUnitAccess?: boolean },
  ): Promise<void> {
    // Whoever gives up waiting may use the buffer again while the request is still to be repeated.
    const bytes = isBounded(options) ? data.slice() : data;
    return this.settled(volumeId, options, 'write', (volume, settle) => {
      this.requests.write(volume, offsetBytes, bytes, options?.forceUnitAccess ?? false, settle);
    });
  }

  writeZeroes(
    volumeId: string,
    offsetBytes: number,
    lengthBytes: number,
    options?: CallOptions & { readonly forceUnitAccess?: boolean; readonly mayTrim?: boolean },
  ): Promise<void> {
    const { forceUnitAccess = false, mayTrim = false } = options ?? {};
    return this.settled(volumeId, options, 'write of zeros', (volume, settle) => {
      this.requests.writeZeroes(volume, offsetBytes, lengthBytes, forceUnitAccess, mayTrim, settle);
    });
  }

  flush(volumeId: string, options?: CallOptions): Promise<void> {
    return this.settled(volumeId, options, 'flush', (volume, settle) => {
      this.requests.flush(volume, settle);
    });
  }

  exportOf(volumeId: string): NbdExport {
    return nbdExportOf(this.requests, this.indexOf(volumeId));
  }

  status(): InitiatorStatus {
    const { activeNodeId, generation, paths } = this.steering;
    return {
      initiatorId: this.initiatorId,
      generation,
      ...(activeNodeId === undefined ? {} : { activeNodeId }),
      paths: paths.map(({ nodeId, status, state, lastError }) => ({
        nodeId,
        state: status,
        ...(state === undefined ? {} : { mode: state.mode, epoch: state.epoch }),
        ...(lastError === undefined ? {} : { lastError }),
      })),
      inFlight: this.requests.inFlight,
      repeated: this.requests.repeated,
    };
  }

  latency(): ReturnType<Initiator['latency']> {
    return this.requests.latency();
  }

  subscribe(listener: (event: InitiatorEvent) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.stopped) return;
    this.stopped = true;
    const error = new HoldfastError(
      'CLOSED',
      'This initiator was closed; a request that was under way may have been carried out.',
    );
    this.requests.refusal = error;
    this.steering.stop();
    this.requests.failAll(error);
    this.greeted?.reject(error);
  }

  welcomed(nodeId: string, welcome: PathWelcome): readonly number[] {
    const { volumes } = this.requests;
    if (volumes.length === 0) volumes.push(...welcome.volumes);
    const indexes = volumes.map(({ volumeId, sizeBytes }) => {
      const index = welcome.volumes.findIndex((volume) => volume.volumeId === volumeId);
      const theirs = welcome.volumes[index]?.sizeBytes;
      if (theirs === sizeBytes) return index;
      const has = theirs === undefined ? 'no such volume' : `one of ${theirs} bytes`;
      throw new HoldfastError(
        'SIZE_MISMATCH',
        `Volume '${volumeId}' has ${sizeBytes} bytes, but node '${nodeId}' has ${has}.`,
      );
    });
    this.greeted?.resolve();
    return indexes;
  }

  refused(nodeId: string, reason: string): void {
    this.greeted?.reject(new HoldfastError('REFUSED', `Node '${nodeId}' refused this initiator: ${reason}.`));
  }

  opened(path: InitiatorPath): number {
    return this.requests.sendAll(path);
  }

  resumed(path: InitiatorPath): void {
    this.requests.sendUnsent(path);
  }

  lost(): void {
    this.requests.forgetSent();
  }

  replied(reply: Frame, now: number): void {
    this.requests.replied(reply, now);
  }

  looked(now: number): void {
    if (this.steering.isServed) {
      this.unservedSince = undefined;
      this.toldOfNoSurvivor = false;
      this.requests.refusal = undefined;
      return;
    }
    this.unservedSince ??= now;
    const heldMs = now - this.unservedSince;
    if (this.toldOfNoSurvivor || heldMs < this.noSurvivor.holdMs) return;
    this.toldOfNoSurvivor = true;
    this.tell({ kind: 'no-survivor', heldMs });
    if (this.noSurvivor.then === 'error') this.giveUp(heldMs);
  }

  tell(event: Parameters<SteeringOwner['tell']>[0]): void {
    const { clock, telemetry } = this.options;
    const whole: InitiatorEvent = { ...event, at: clock.now(), wallTime: clock.wallTime() };
    telemetry?.emit({ ...whole, kind: `initiator-${whole.kind}`, initiatorId: this.initiatorId });
    for (const listener of this.listeners) listener(whole);
  }

  /** What is dropped here may still wait in a node: the next request goes under a new generation, which waits for that. */
  private giveUp(heldMs: number): void {
    const error = new HoldfastError('NO_SURVIVOR', `No node has served for ${Math.round(heldMs)} ms.`, {
      retryable: true,
    });
    this.requests.refusal = error;
    this.requests.failAll(error);
    this.steering.reopen('nobody served');
    this.greeted?.reject(error);
  }

  private settled(
    volumeId: string,
    options: CallOptions | undefined,
    what: string,
    run: (volume: number, settle: SettleRequest) => void,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const volume = this.indexOf(volumeId);
      const settle = this.bound(options, what, (error) => {
        if (error === undefined) resolve();
        else reject(error);
      });
      run(volume, settle);
    });
  }

  private bound(options: CallOptions | undefined, what: string, settle: SettleRequest): SettleRequest {
    if (!isBounded(options)) return settle;
    if (options.signal?.aborted === true) throw abortedError(options.signal, what);
    return boundBy(this.options.clock, options, what, settle);
  }

  private indexOf(volumeId: string): number {
    const index = this.requests.volumes.findIndex((volume) => volume.volumeId === volumeId);
    if (index >= 0) return index;
    const known = this.requests.volumes.map((volume) => `'${volume.volumeId}'`).join(', ');
    throw new HoldfastError(
      'NOT_FOUND',
      `There is no volume '${volumeId}' in this group; there is ${known}.`,
    );
  }
}

/**
 * Opens the host's side of a group: a path to each node, and requests on one of them. Settles when a node has answered; whether
 * one serves yet is another matter, and requests wait for that.
 *
 * Errors: OPTIONS_INVALID, REFUSED when a node belongs to another cluster or group, NO_SURVIVOR with `onNoSurvivor`,
 * ABORTED and DEADLINE_EXCEEDED, which leave nothing behind.
 */
export async function createInitiator(
  options: InitiatorOptions,
  callOptions: CallOptions = {},
): Promise<Initiator> {
  const initiator = new HostInitiator(options);
  try {
    await initiator.start(callOptions);
  } catch (error) {
    await initiator[Symbol.asyncDispose]();
    throw error;
  }
  return initiator;
}

function resolveTuning(options: InitiatorOptions): InitiatorTuning {
  const tuning = { ...defaultInitiatorTuning, ...options.tuning };
  const { pingIntervalMs, pathTimeoutMs, maxInFlight, maxInFlightBytes } = tuning;
  if (!(pathTimeoutMs > 2 * pingIntervalMs)) {
    throw new OptionsError(
      'pathTimeoutMs > 2 × pingIntervalMs',
      { pathTimeoutMs, pingIntervalMs },
      'A single late ping would be a lost path: ping more often.',
    );
  }
  if (!(maxInFlight >= 1 && maxInFlightBytes >= 1)) {
    throw new OptionsError(
      'maxInFlight ≥ 1 and maxInFlightBytes ≥ 1',
      { maxInFlight, maxInFlightBytes },
      'Raise them.',
    );
  }
  if (options.paths.length === 0)
    throw new OptionsError('paths ≥ 1', { paths: 0 }, 'Say where the nodes are.');
  return tuning;
}
