import { HoldfastError } from '@holdfast/core';
import type { GroupRecord, Registration } from './record.js';

/*
 * What stands in the store, as versioned JSON. Every group's entry carries the number of the change that wrote it, so that the
 * newest number in the store says how far the store has come.
 */

const version = 1;

export interface StoredGroup {
  /** Number of this change, counted over the whole store. */
  readonly sequence: number;
  readonly record: GroupRecord;
}

export interface StoredMeta {
  readonly incarnation: string;
  /** Changes with every start, here and in the proof outside the store. */
  readonly bootToken: string;
  readonly sequence: number;
}

export function encodeGroup(stored: StoredGroup): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ version, ...stored }));
}

export function encodeMeta(stored: StoredMeta): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ version, ...stored }));
}

export function decodeMeta(bytes: Uint8Array, where: string): StoredMeta {
  const entry = parse(bytes, where);
  return {
    incarnation: text(entry, 'incarnation', where),
    bootToken: text(entry, 'bootToken', where),
    sequence: whole(entry, 'sequence', where),
  };
}

export function decodeGroup(bytes: Uint8Array, where: string): StoredGroup {
  const entry = parse(bytes, where);
  const record = entry['record'];
  if (!isObject(record)) throw corrupt(where, 'record is not an object');
  const state = text(record, 'state', where);
  if (
    state !== 'EMPTY' &&
    state !== 'REGISTERED' &&
    state !== 'AUTO_PROMOTED' &&
    state !== 'MANUAL_PROMOTED'
  ) {
    throw corrupt(where, `state is ${state}`);
  }
  return {
    sequence: whole(entry, 'sequence', where),
    record: {
      groupId: text(record, 'groupId', where),
      state,
      confirmedIn: text(record, 'confirmedIn', where),
      rebirths: whole(record, 'rebirths', where),
      epoch: whole(record, 'epoch', where),
      ...(record['lineageId'] === undefined ? {} : { lineageId: text(record, 'lineageId', where) }),
      ...(record['owner'] === undefined ? {} : { owner: text(record, 'owner', where) }),
      ...(record['fromEpoch'] === undefined ? {} : { fromEpoch: whole(record, 'fromEpoch', where) }),
      ...(record['claimId'] === undefined ? {} : { claimId: text(record, 'claimId', where) }),
      members: texts(record, 'members', where),
      registrations: registrations(record, where),
      closedClaims: texts(record, 'closedClaims', where),
    },
  };
}

function registrations(record: Record<string, unknown>, where: string): Record<string, Registration> {
  const value = record['registrations'];
  if (!isObject(value)) throw corrupt(where, 'registrations is not an object');
  return Object.fromEntries(
    Object.entries(value).map(([nodeId, word]) => {
      if (!isObject(word)) throw corrupt(where, `the registration of ${nodeId} is not an object`);
      const registration = {
        incarnation: text(word, 'incarnation', where),
        epoch: whole(word, 'epoch', where),
        lineageId: text(word, 'lineageId', where),
      };
      return [nodeId, registration];
    }),
  );
}

function parse(bytes: Uint8Array, where: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw corrupt(where, 'it is not JSON', error);
  }
  if (!isObject(value)) throw corrupt(where, 'it is not an object');
  if (value['version'] !== version) {
    const found = typeof value['version'] === 'number' ? value['version'] : 'none';
    throw new HoldfastError(
      'NOT_SUPPORTED',
      `${where} has format version ${found}, this release reads ${version}. Start the release that wrote it.`,
    );
  }
  return value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function text(entry: Record<string, unknown>, key: string, where: string): string {
  const value = entry[key];
  if (typeof value !== 'string') throw corrupt(where, `${key} is not a text`);
  return value;
}

function texts(entry: Record<string, unknown>, key: string, where: string): readonly string[] {
  const value = entry[key];
  if (!Array.isArray(value) || !value.every((item) => typeof item === 'string')) {
    throw corrupt(where, `${key} is not a list of texts`);
  }
  return value;
}

function whole(entry: Record<string, unknown>, key: string, where: string): number {
  const value = entry[key];
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw corrupt(where, `${key} is not a whole number`);
  }
  return value;
}

function corrupt(where: string, what: string, cause?: unknown): HoldfastError {
  return new HoldfastError(
    'CORRUPT',
    `${where} cannot be read: ${what}. Move the store away and start the witness empty: the members register again by themselves.`,
    { cause },
  );
}
