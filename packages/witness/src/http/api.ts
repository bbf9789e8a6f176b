import type { HoldfastErrorCode } from '@holdfast/core';
import type { WitnessRequest } from '../service/request.js';

/*
 * The HTTP API, version 1, as both sides speak it. What the witness decides is always status 200: a denial is an answer. Any
 * other status is an `ErrorBody`, and nothing was decided, except for 503, where it is not known.
 */

export const healthPath = '/v1/health';

/** Sent with every request when the witness has a cluster id, and compared before anything else is looked at. */
export const clusterHeader = 'holdfast-cluster';

/** What members may ask for by POST; `status` is a GET. */
export const memberActions = ['register', 'promote', 'reassert', 'rejoin'] as const;
/** Only on the admin surface. */
export const operatorActions = ['manual-promote', 'forget'] as const;

export type Action = WitnessRequest['kind'];

export function groupPath(groupId: string, action: Action): string {
  return `/v1/groups/${encodeURIComponent(groupId)}/${action}`;
}

export interface ErrorBody {
  readonly error: {
    readonly code: HoldfastErrorCode;
    readonly message: string;
    /** The field that is wrong, when one is. */
    readonly field?: string;
  };
}

/** A request that is not decided, with the status that says so. */
export class RequestError extends Error {
  constructor(
    readonly status: 400 | 401 | 403 | 404 | 405 | 413 | 415 | 429 | 503 | 507,
    readonly code: HoldfastErrorCode,
    message: string,
    readonly field?: string,
  ) {
    super(message);
    this.name = 'RequestError';
  }

  body(): ErrorBody {
    const { code, message, field } = this;
    return { error: { code, message, ...(field === undefined ? {} : { field }) } };
  }
}
