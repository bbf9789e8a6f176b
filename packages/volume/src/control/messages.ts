import {
  type FencingEvidence,
  HoldfastError,
  type HoldfastErrorCode,
  type OperatorCommand,
} from '@holdfast/core';
import type { Decision, NodeEvent, NodeStatus } from '../api.js';
import { decodeJson, encodeJson } from '../wire/json.js';

/** Raised when a request or a reply changes its meaning. A node answers the versions that it knows, and refuses others by name. */
export const controlVersion = 1;

/** Most decisions that one `why` gives. */
export const maxDecisions = 1_000;

/** What a controller asks of a node. */
export type ControlQuestion =
  | { readonly verb: 'status' }
  | { readonly verb: 'why'; readonly limit: number }
  | { readonly verb: 'command'; readonly command: OperatorCommand }
  | { readonly verb: 'evidence'; readonly evidence: FencingEvidence }
  /** Every event of the node from now on, as frames of type `controlEvent` with the id of this request. */
  | { readonly verb: 'subscribe' };

/** An event as it travels; `events-missed` stands for those that a slow reader could not take. */
export type ControlEvent = NodeEvent | { readonly kind: 'events-missed'; readonly count: number };

type Json = Readonly<Record<string, unknown>>;

export function encodeQuestion(clusterId: string, question: ControlQuestion): Uint8Array {
  return encodeJson({ version: controlVersion, clusterId, ...question });
}

/** @throws HoldfastError PROTOCOL when it is no question of this version. */
export function decodeQuestion(payload: Uint8Array): {
  readonly clusterId: string;
  readonly question: ControlQuestion;
} {
  const json = decodeJson(payload, 'A control request');
  if (json['version'] !== controlVersion) {
    throw malformed(`version ${shown(json['version'])}; this node answers version ${controlVersion}`);
  }
  return { clusterId: textOf(json, 'clusterId'), question: questionOf(json) };
}

function questionOf(json: Json): ControlQuestion {
  const verb = json['verb'];
  switch (verb) {
    case 'status':
    case 'subscribe':
      return { verb };
    case 'why':
      return { verb, limit: Math.min(Math.max(1, countOf(json, 'limit')), maxDecisions) };
    case 'command':
      return { verb, command: commandOf(objectOf(json, 'command')) };
    case 'evidence':
      return { verb, evidence: evidenceOf(objectOf(json, 'evidence')) };
    default:
      throw malformed(`the unknown verb ${shown(verb)}`);
  }
}

function commandOf(json: Json): OperatorCommand {
  const kind = json['kind'];
  switch (kind) {
    case 'pause':
    case 'resume':
    case 'handover':
    case 'shut-down':
      return { kind };
    case 'resolve-split-brain':
      return { kind, victim: textOf(json, 'victim') };
    case 'force-survivor':
      if (json['acknowledgeDataLoss'] !== true)
        throw malformed('force-survivor without acknowledgeDataLoss: true');
      return { kind, expectedEpoch: countOf(json, 'expectedEpoch'), acknowledgeDataLoss: true };
    case 'reattach':
      if (json['acknowledgeUnflushedLoss'] !== true)
        throw malformed('reattach without acknowledgeUnflushedLoss: true');
      return { kind, expectedEpoch: countOf(json, 'expectedEpoch'), acknowledgeUnflushedLoss: true };
    default:
      throw malformed(`the unknown command ${shown(kind)}`);
  }
}

function evidenceOf(json: Json): FencingEvidence {
  const strength = json['strength'];
  if (strength !== 'io' && strength !== 'attachment' && strength !== 'advisory') {
    throw malformed(`evidence of the unknown strength ${shown(strength)}`);
  }
  return {
    nodeId: textOf(json, 'nodeId'),
    bootId: textOf(json, 'bootId'),
    strength,
    how: textOf(json, 'how'),
  };
}

export function encodeAnswer(value: unknown): Uint8Array {
  return encodeJson({ value });
}

/** What went wrong, so that the controller can throw the same error again. */
export function encodeFailure(error: unknown): Uint8Array {
  if (HoldfastError.is(error)) {
    return encodeJson({ code: error.code, message: error.message, retryable: error.retryable });
  }
  return encodeJson({
    code: 'IO_FAILED',
    message: error instanceof Error ? error.message : String(error),
    retryable: false,
  });
}

export function decodeAnswer(payload: Uint8Array): unknown {
  return decodeJson(payload, 'A control reply')['value'];
}

export function decodeFailure(payload: Uint8Array): HoldfastError {
  const json = decodeJson(payload, 'A control reply');
  const code = json['code'];
  const message = typeof json['message'] === 'string' ? json['message'] : 'The node gave no reason.';
  return new HoldfastError(isErrorCode(code) ? code : 'PROTOCOL', message, {
    retryable: json['retryable'] === true,
  });
}

export function decodeEvent(payload: Uint8Array): ControlEvent {
  const json: unknown = decodeJson(payload, 'A control event');
  if (!isEvent(json)) throw malformed('an event without a kind');
  return json;
}

// Both ends are of one release or of a compatible one (see controlVersion), so the shape is checked where a stranger's
// answer would do harm: at what tells one kind of answer from another.

export function isStatus(value: unknown): value is NodeStatus {
  return (
    isObject(value) &&
    typeof value['nodeId'] === 'string' &&
    typeof value['mode'] === 'string' &&
    Array.isArray(value['volumes'])
  );
}

export function isDecisions(value: unknown): value is readonly Decision[] {
  return (
    Array.isArray(value) && value.every((entry) => isObject(entry) && typeof entry['sentence'] === 'string')
  );
}

function isEvent(value: unknown): value is ControlEvent {
  return isObject(value) && typeof value['kind'] === 'string';
}

const errorCodes: Readonly<Record<HoldfastErrorCode, true>> = {
  ABORTED: true,
  ALREADY_OPEN: true,
  CLOSED: true,
  CONFIG_INVALID: true,
  CORRUPT: true,
  DEADLINE_EXCEEDED: true,
  FENCED: true,
  FOREIGN_LEG: true,
  INVARIANT_BROKEN: true,
  IO_FAILED: true,
  NOT_AUTHORIZED: true,
  NOT_FOUND: true,
  NOT_SUPPORTED: true,
  NO_SPACE: true,
  NO_SURVIVOR: true,
  OPTIONS_INVALID: true,
  OUT_OF_RANGE: true,
  PROTOCOL: true,
  REFUSED: true,
  SIZE_MISMATCH: true,
  SPLIT_BRAIN: true,
  STALE_EPOCH: true,
  UNREACHABLE: true,
  WITNESS_REFUSED: true,
};

function isErrorCode(value: unknown): value is HoldfastErrorCode {
  return typeof value === 'string' && Object.hasOwn(errorCodes, value);
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null;
}

function objectOf(json: Json, key: string): Json {
  const value = json[key];
  if (!isObject(value)) throw malformed(`no object in '${key}'`);
  return value;
}

function textOf(json: Json, key: string): string {
  const value = json[key];
  if (typeof value !== 'string' || value === '') throw malformed(`no text in '${key}'`);
  return value;
}

function countOf(json: Json, key: string): number {
  const value = json[key];
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw malformed(`no whole number in '${key}'`);
  return value;
}

function shown(value: unknown): string {
  return value === undefined ? '(none)' : JSON.stringify(value);
}

function malformed(found: string): HoldfastError {
  return new HoldfastError(
    'PROTOCOL',
    `A control request holds ${found}: are controller and node of the same release?`,
  );
}
