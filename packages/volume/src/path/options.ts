import { type Clock, OptionsError } from '@holdfast/core';
import type { HostSide } from '../api.js';
import type { ByteBudget } from './byte-budget.js';
import { maxRequestBytes } from './messages.js';

export interface PathServerOptions {
  readonly clusterId: string;
  readonly groupId: string;
  readonly nodeId: string;
  readonly hostSide: HostSide;
  readonly clock: Clock;
  /** Shared with the other servers of this node. */
  readonly budget: ByteBudget;
  readonly limits?: Partial<PathServerLimits>;
  /** For logs. Must not throw. */
  readonly observe?: (notice: PathNotice) => void;
}

export interface PathServerLimits {
  /** Paths open at a time; a further one is dropped unread. Default 64. */
  readonly maxPaths: number;
  /** From the acceptance to the greeting. Default 10 000. */
  readonly handshakeDeadlineMs: number;
  /** Requests of one path under way; further ones wait in its socket. Default 4096. */
  readonly maxRequestsInFlight: number;
  /** Pause between two looks at every path, each with a ping where nothing else was said. Default 80. */
  readonly pingIntervalMs: number;
  /** Silence after which an initiator counts as gone. Default 2 000. */
  readonly pathTimeoutMs: number;
}

export const defaultPathServerLimits: PathServerLimits = {
  maxPaths: 64,
  handshakeDeadlineMs: 10_000,
  maxRequestsInFlight: 4_096,
  pingIntervalMs: 80,
  pathTimeoutMs: 2_000,
};

export type PathNotice =
  | { readonly kind: 'path-refused'; readonly remote: string; readonly reason: string }
  | { readonly kind: 'path-opened'; readonly remote: string; readonly initiatorId: string }
  | {
      readonly kind: 'path-activated';
      readonly remote: string;
      readonly initiatorId: string;
      readonly generation: number;
    }
  | {
      readonly kind: 'path-closed';
      readonly remote: string;
      readonly initiatorId: string;
      readonly cause: string;
    };

/** What each request is charged besides its payload: the objects that stand for it. */
export const requestOverheadBytes = 512;

/** @throws OptionsError OPTIONS_INVALID naming the relation. */
export function resolveLimits(options: PathServerOptions): PathServerLimits {
  const limits = { ...defaultPathServerLimits, ...options.limits };
  const { pingIntervalMs, pathTimeoutMs, maxPaths, maxRequestsInFlight } = limits;
  if (!(pathTimeoutMs > 2 * pingIntervalMs)) {
    throw new OptionsError(
      'pathTimeoutMs > 2 × pingIntervalMs',
      { pathTimeoutMs, pingIntervalMs },
      'Ping more often.',
    );
  }
  if (!(maxPaths >= 1 && maxRequestsInFlight >= 1)) {
    throw new OptionsError(
      'maxPaths ≥ 1 and maxRequestsInFlight ≥ 1',
      { maxPaths, maxRequestsInFlight },
      'Raise them.',
    );
  }
  const { totalBytes } = options.budget;
  if (totalBytes < maxRequestBytes + requestOverheadBytes) {
    throw new OptionsError(
      'budget ≥ one request',
      { totalBytes, maxRequestBytes, requestOverheadBytes },
      'A request that the budget never holds would wait for ever: raise memoryBudgetBytes.',
    );
  }
  return limits;
}
