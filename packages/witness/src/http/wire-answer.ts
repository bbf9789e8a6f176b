import type { WitnessState, WitnessView } from '@holdfast/core';
import type { ServedAnswer } from '../service/decide.js';

const kinds: readonly string[] = [
  'granted',
  'denied',
  'unknown-incarnation',
  'not-registered',
  'quarantined',
];
const states: readonly string[] = ['EMPTY', 'REGISTERED', 'AUTO_PROMOTED', 'MANUAL_PROMOTED'];

/** The answer in a response body; undefined when it is none: whoever sent it is no witness of this version. */
export function parseAnswer(body: unknown): ServedAnswer | undefined {
  if (!isObject(body)) return undefined;
  const { kind } = body;
  const view = parseView(body['view']);
  return view !== undefined && isKind(kind) ? { kind, view } : undefined;
}

function parseView(value: unknown): WitnessView | undefined {
  if (!isObject(value)) return undefined;
  const { state, incarnation, quarantined, epoch, owner, lineageId, members } = value;
  if (!isState(state) || typeof incarnation !== 'string' || typeof quarantined !== 'boolean')
    return undefined;
  if (typeof epoch !== 'number' || !Number.isSafeInteger(epoch) || !isTexts(members)) return undefined;
  if (owner !== undefined && typeof owner !== 'string') return undefined;
  if (lineageId !== undefined && typeof lineageId !== 'string') return undefined;
  return {
    state,
    incarnation,
    quarantined,
    epoch,
    ...(owner === undefined ? {} : { owner }),
    ...(lineageId === undefined ? {} : { lineageId }),
    members,
  };
}

function isObject(value: unknown): value is Record<string, unknown> & { kind?: unknown; state?: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isKind(value: unknown): value is ServedAnswer['kind'] {
  return typeof value === 'string' && kinds.includes(value);
}

function isState(value: unknown): value is WitnessState {
  return typeof value === 'string' && states.includes(value);
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}
