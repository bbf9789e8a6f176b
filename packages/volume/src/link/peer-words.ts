import { HoldfastError, type Introduction, type PolarizationMessage } from '@holdfast/core';
import type { VolumeDescription } from '../api.js';

/*
 * What the other node says reaches a policy that believes its types. It has proved who it is, and that does not make its words
 * well formed: another release, or somebody with its key, may say anything. Here each field is looked at before anybody acts.
 */

type Check = (value: unknown) => boolean;
type Shape = Readonly<Record<string, Check>>;

const textMax = 4_096;
const listMax = 256;
/** Frames carry an epoch in 32 bits. */
const epochMax = 0xffff_ffff;

const text: Check = (value) => typeof value === 'string' && value.length <= textMax;
const count: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const epoch: Check = (value) => count(value) && (value as number) <= epochMax;
const yesOrNo: Check = (value) => typeof value === 'boolean';
const duration: Check = (value) => typeof value === 'number' && Number.isFinite(value) && value >= 0;
const maybe =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);
const oneOf =
  (...words: readonly string[]): Check =>
  (value) =>
    typeof value === 'string' && words.includes(value);
const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.length <= listMax && value.every(check);
const shaped =
  (shape: Shape): Check =>
  (value) =>
    wrongField(value, shape) === undefined;

const lineage: Shape = { epoch, lineageId: text };
const dataState = oneOf('upToDate', 'consistent', 'outdated', 'inconsistent');
const health = oneOf('ok', 'degraded', 'unhealthySoft', 'unhealthyHard');

const record: Shape = {
  version: (value) => value === 1,
  groupId: text,
  nodeId: text,
  mode: oneOf(
    'fresh',
    'mirrored',
    'standalone',
    'fenced',
    'syncSource',
    'syncTarget',
    'paused',
    'splitBrain',
  ),
  ...lineage,
  owner: maybe(text),
  sequencer: text,
  dataState,
  history: listOf(shaped(lineage)),
  witnessIncarnation: maybe(text),
  prepared: maybe(shaped({ ...lineage, sequencer: text })),
  machineBootId: text,
  clean: yesOrNo,
  fullResync: maybe((value) => value === true),
};

const introduction: Shape = {
  nodeId: text,
  role: oneOf('preferred', 'nonPreferred'),
  bootId: text,
  machineBootId: text,
  mode: oneOf(
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
  ),
  record: shaped(record),
  mirroringWithBootId: maybe(text),
  asked: yesOrNo,
  pristine: yesOrNo,
  health,
  initiators: count,
};

/** Every message of the policy, by its kind. */
const messages: Readonly<Record<PolarizationMessage['kind'], Shape>> = {
  'ttl-request': { epoch, requestSequence: count, ackedGrantSequence: count },
  'ttl-grant': { epoch, requestSequence: count, grantSequence: count, ttlMs: duration },
  health: { level: health, reasons: listOf(text), dataState, initiators: count },
  'peer-lost': { epoch },
  'mode-changed': { introduction: shaped(introduction) },
  'offer-win': lineage,
  'accept-win': lineage,
  'commit-win': lineage,
  'win-ack': lineage,
  'pause-request': lineage,
  'sync-propose': { ...lineage, full: yesOrNo },
  'sync-accept': lineage,
  'sync-refuse': { ...lineage, detail: text },
  'mirror-prepare': { ...lineage, sequencer: text },
  'mirror-prepared': lineage,
  'mirror-commit': lineage,
};

/** @throws HoldfastError PROTOCOL naming the field that is wrong. */
export function checkedMessage(value: unknown, peerId: string, groupId: string): PolarizationMessage {
  const kind = isObject(value) ? value['kind'] : undefined;
  if (typeof kind !== 'string' || !Object.hasOwn(messages, kind))
    throw malformed('a message of the policy', 'kind');
  const message = value as PolarizationMessage;
  const field = wrongField(value, messages[message.kind]);
  if (field !== undefined) throw malformed(`the message ${kind}`, field);
  if (message.kind === 'mode-changed') checkedIntroduction(message.introduction, peerId, groupId);
  return message;
}

/** @throws HoldfastError PROTOCOL naming the field that is wrong, also when it is another node's introduction. */
export function checkedIntroduction(value: unknown, peerId: string, groupId: string): Introduction {
  const field = wrongField(value, introduction);
  if (field !== undefined) {
    const inRecord = field === 'record' && isObject(value) ? wrongField(value['record'], record) : undefined;
    throw malformed('the introduction', inRecord === undefined ? field : `record.${inRecord}`);
  }
  const checked = value as Introduction;
  if (checked.nodeId !== peerId || checked.record.nodeId !== peerId)
    throw malformed('the introduction', 'nodeId');
  if (checked.record.groupId !== groupId) throw malformed('the introduction', 'record.groupId');
  return checked;
}

/** @throws HoldfastError PROTOCOL when it is no list of volumes. */
export function checkedVolumes(value: unknown): readonly VolumeDescription[] {
  if (!listOf(shaped({ volumeId: text, sizeBytes: count }))(value))
    throw malformed('the greeting', 'volumes');
  return value as readonly VolumeDescription[];
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function wrongField(value: unknown, shape: Shape): string | undefined {
  if (!isObject(value)) return 'all of it';
  return Object.entries(shape).find(([name, check]) => !check(value[name]))?.[0];
}

function malformed(what: string, field: string): HoldfastError {
  return new HoldfastError(
    'PROTOCOL',
    `The other node's words are malformed: ${what} has no proper ${field}. Is it the same release? The session is closed.`,
  );
}
