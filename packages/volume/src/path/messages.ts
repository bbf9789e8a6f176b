import { type Gate, HoldfastError, type Mode } from '@holdfast/core';
import type { VolumeDescription } from '../api.js';
import { decodeJson, encodeJson } from '../wire/index.js';

/** Version of what initiator and node say to each other; the frames around it have their own. */
export const pathVersion = 1;

/** Writes of one initiator that may lie between the oldest unanswered one and a new one. Both sides keep to it. */
export const operationWindow = 262_144;

/** Largest number of bytes that one request reads or writes, and that one request makes zero. */
export const maxRequestBytes = 1024 * 1024;
export const maxZeroesBytes = 32 * 1024 * 1024;

/** The initiator's first frame. */
export interface PathHello {
  readonly pathVersion: number;
  readonly clusterId: string;
  readonly groupId: string;
  readonly initiatorId: string;
}

/** The node's answer. A `pathState` follows at once. */
export interface PathWelcome {
  readonly nodeId: string;
  readonly volumes: readonly VolumeDescription[];
}

/** What a node says of itself on every path, at once and whenever it changes. */
export interface PathState {
  readonly nodeId: string;
  readonly mode: Mode;
  readonly host: Gate['host'];
  readonly epoch: number;
  readonly sequencer: string;
}

const modes: readonly Mode[] = [
  'unknown',
  'mirrored',
  'suspended',
  'arbitrating',
  'standalone',
  'fenced',
  'syncSource',
  'syncTarget',
  'paused',
  'splitBrain',
];
const hostStates: readonly Gate['host'][] = ['open', 'held', 'closed'];

export function encodeHello(hello: PathHello): Uint8Array {
  return encodeJson(hello);
}

/** @throws HoldfastError PROTOCOL */
export function decodeHello(bytes: Uint8Array): PathHello {
  const hello = decodeJson(bytes, 'The greeting of an initiator');
  return {
    pathVersion: count(hello['pathVersion'], 'pathVersion'),
    clusterId: text(hello['clusterId'], 'clusterId'),
    groupId: text(hello['groupId'], 'groupId'),
    initiatorId: text(hello['initiatorId'], 'initiatorId'),
  };
}

export function encodeWelcome(welcome: PathWelcome): Uint8Array {
  return encodeJson(welcome);
}

/** @throws HoldfastError PROTOCOL */
export function decodeWelcome(bytes: Uint8Array): PathWelcome {
  const welcome = decodeJson(bytes, 'The welcome of a node');
  const volumes = welcome['volumes'];
  if (!Array.isArray(volumes)) throw unexpected('volumes');
  return {
    nodeId: text(welcome['nodeId'], 'nodeId'),
    volumes: volumes.map((volume: { readonly volumeId?: unknown; readonly sizeBytes?: unknown } | null) => ({
      volumeId: text(volume?.volumeId, 'volumeId'),
      sizeBytes: count(volume?.sizeBytes, 'sizeBytes'),
    })),
  };
}

export function encodeState(nodeId: string, gate: Gate): Uint8Array {
  const { mode, host, epoch, sequencer } = gate;
  return encodeJson({ nodeId, mode, host, epoch, sequencer } satisfies PathState);
}

/** @throws HoldfastError PROTOCOL */
export function decodeState(bytes: Uint8Array): PathState {
  const state = decodeJson(bytes, 'The state of a node');
  return {
    nodeId: text(state['nodeId'], 'nodeId'),
    mode: oneOf(state['mode'], modes, 'mode'),
    host: oneOf(state['host'], hostStates, 'host'),
    epoch: count(state['epoch'], 'epoch'),
    sequencer: text(state['sequencer'], 'sequencer'),
  };
}

/** For `refuse`, and for replies that say why. */
export function encodeReason(reason: string): Uint8Array {
  return encodeJson({ reason });
}

export function decodeReason(bytes: Uint8Array): string {
  if (bytes.length === 0) return 'no reason was given';
  const reason = decodeJson(bytes, 'A reason')['reason'];
  return typeof reason === 'string' ? reason : 'no reason was given';
}

function text(value: unknown, name: string): string {
  if (typeof value !== 'string' || value.length > 4096) throw unexpected(name);
  return value;
}

function count(value: unknown, name: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw unexpected(name);
  return value;
}

function oneOf<Word extends string>(value: unknown, words: readonly Word[], name: string): Word {
  const word = words.find((one) => one === value);
  if (word === undefined) throw unexpected(name);
  return word;
}

function unexpected(name: string): HoldfastError {
  return new HoldfastError(
    'PROTOCOL',
    `A message on a path has no proper ${name}: is the other side the same release?`,
  );
}
