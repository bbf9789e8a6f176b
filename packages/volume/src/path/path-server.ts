import type { ByteStream, Timer } from '@holdfast/core';
import type { HostSide } from '../api.js';
import type { ByteBudget } from './byte-budget.js';
import { encodeState, encodeWelcome, type PathHello, pathVersion } from './messages.js';
import { type PathNotice, type PathServerLimits, type PathServerOptions, resolveLimits } from './options.js';
import { ServerPath, type ServerPathOwner } from './server-path.js';

/** How long a refused initiator may take to read why. */
const lingerMs = 1_000;

/** Serves the paths of initiators on a node. Who listens hands every accepted stream to `accept`. */
export class PathServer implements ServerPathOwner {
  readonly hostSide: HostSide;
  readonly budget: ByteBudget;
  private readonly limits: PathServerLimits;
  private readonly paths = new Set<ServerPath>();
  private readonly timers = new Map<ServerPath, Timer>();
  private readonly stopWatching: () => void;
  private look: Timer | undefined;
  private lookDueAt = 0;
  private initiators = 0;
  private open = true;

  /** @throws OptionsError OPTIONS_INVALID */
  constructor(private readonly options: PathServerOptions) {
    this.hostSide = options.hostSide;
    this.budget = options.budget;
    this.limits = resolveLimits(options);
    this.stopWatching = this.hostSide.onGate(() => {
      for (const path of this.paths) path.sendState();
    });
  }

  get maxRequestsInFlight(): number {
    return this.limits.maxRequestsInFlight;
  }

  accept(stream: ByteStream): void {
    if (!this.open || this.paths.size >= this.limits.maxPaths) {
      this.tell({
        kind: 'path-refused',
        remote: stream.remote,
        reason: this.open ? `${this.paths.size} paths are open already` : 'closed',
      });
      stream.destroy();
      return;
    }
    const path = new ServerPath(this, stream, this.options.clock.now());
    this.paths.add(path);
    this.setDeadline(path, this.limits.handshakeDeadlineMs, () =>
      path.close('no greeting within the deadline'),
    );
    if (this.look === undefined) this.lookLater();
  }

  judge(hello: PathHello): string | undefined {
    const { clusterId, groupId, nodeId } = this.options;
    if (hello.clusterId !== clusterId)
      return `node ${nodeId} is of another cluster than '${hello.clusterId}'`;
    if (hello.groupId !== groupId) return `node ${nodeId} does not serve the group '${hello.groupId}'`;
    if (hello.pathVersion !== pathVersion)
      return `node ${nodeId} speaks version ${pathVersion}, the initiator ${hello.pathVersion}`;
    return undefined;
  }

  welcome(): Uint8Array {
    return encodeWelcome({ nodeId: this.options.nodeId, volumes: this.hostSide.volumes });
  }

  state(): Uint8Array {
    return encodeState(this.options.nodeId, this.hostSide.gate);
  }

  opened(path: ServerPath): void {
    this.cancelDeadline(path);
    this.tell({ kind: 'path-opened', remote: path.remote, initiatorId: path.initiatorId ?? '' });
    this.count();
  }

  /** What an initiator left on an older path is stale, and would only be refused one by one. */
  activated(path: ServerPath): void {
    const { initiatorId, generation, remote } = path;
    if (initiatorId === undefined || generation === undefined) return;
    for (const other of this.paths) {
      if (
        other !== path &&
        other.initiatorId === initiatorId &&
        (other.generation ?? generation) < generation
      ) {
        other.close('its initiator opened another path');
      }
    }
    this.tell({ kind: 'path-activated', remote, initiatorId, generation });
  }

  closed(path: ServerPath, cause: string): void {
    this.paths.delete(path);
    this.cancelDeadline(path);
    const { initiatorId, remote } = path;
    if (initiatorId === undefined) {
      this.tell({ kind: 'path-refused', remote, reason: cause });
      // It may have been told why, and gets a moment to read that.
      if (this.open) this.setDeadline(path, lingerMs, () => path.destroy());
      return;
    }
    this.tell({ kind: 'path-closed', remote, initiatorId, cause });
    this.count();
  }

  /** Drops every path. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.open = false;
    this.stopWatching();
    this.look?.cancel();
    for (const path of [...this.paths]) path.close('the node stops');
    for (const [path, timer] of this.timers) {
      timer.cancel();
      path.destroy();
    }
    this.timers.clear();
  }

  private count(): void {
    const initiators = new Set<string>();
    for (const { initiatorId } of this.paths) if (initiatorId !== undefined) initiators.add(initiatorId);
    if (initiators.size === this.initiators) return;
    this.initiators = initiators.size;
    this.hostSide.initiatorsChanged(initiators.size);
  }

  private lookLater(): void {
    const { clock } = this.options;
    this.lookDueAt = clock.now() + this.limits.pingIntervalMs;
    this.look = clock.setTimer(this.limits.pingIntervalMs, () => {
      this.look = undefined;
      this.lookAtPaths();
      if (this.open && this.paths.size > 0) this.lookLater();
    });
  }

  private lookAtPaths(): void {
    const now = this.options.clock.now();
    // A timer that comes late means that this process stood still: what was said meanwhile is not read yet.
    const stoodStill = now - this.lookDueAt > this.limits.pingIntervalMs;
    for (const path of [...this.paths]) {
      if (path.heard || (path.paused && !path.clogged) || stoodStill) {
        path.lastHeardAt = now;
        path.heard = false;
      }
      if (path.initiatorId === undefined) continue;
      if (now - path.lastHeardAt > this.limits.pathTimeoutMs)
        path.close(`the initiator was silent for ${this.limits.pathTimeoutMs} ms`);
      else path.ping();
    }
  }

  private setDeadline(path: ServerPath, afterMs: number, late: () => void): void {
    const timer = this.options.clock.setTimer(afterMs, () => {
      this.timers.delete(path);
      late();
    });
    this.timers.set(path, timer);
  }

  private cancelDeadline(path: ServerPath): void {
    this.timers.get(path)?.cancel();
    this.timers.delete(path);
  }

  private tell(notice: PathNotice): void {
    this.options.observe?.(notice);
  }
}
