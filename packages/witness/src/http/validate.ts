import type { MemberRequest, OperatorRequest, ReassertRequest } from '../service/request.js';
import { type memberActions, type operatorActions, RequestError } from './api.js';

/*
 * Checks by hand what comes from outside: which field, what stands there, what would be right. A field that nobody knows is
 * refused too: it may be a misspelt one, or a newer release's that means something.
 */

export const membersMax = 8;
export const historyMax = 64;

/** Ids of groups and nodes: they stand in paths, certificates and store keys. */
const idPattern = /^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$/;
/** Claim ids, lineages, incarnations: any printable text without blanks. */
const tokenPattern = /^[\x21-\x7e]{1,512}$/;

type Fields = Record<string, unknown>;
type MemberAction = (typeof memberActions)[number];
type OperatorAction = (typeof operatorActions)[number];

/** @throws RequestError 400 */
export function checkedGroupId(groupId: string): string {
  if (!idPattern.test(groupId)) {
    throw new RequestError(400, 'PROTOCOL', idMessage('groupId', groupId), 'groupId');
  }
  return groupId;
}

/** @throws RequestError 400 */
export function memberRequest(action: MemberAction, groupId: string, body: unknown): MemberRequest {
  const fields = object(body);
  const claim = { groupId, ...claimIn(fields) };
  switch (action) {
    case 'register':
    case 'rejoin': {
      only(fields, [...claimFields, 'members']);
      const members = membersIn(fields);
      if (!members.includes(claim.nodeId)) {
        throw wrong('members', members, `a list that contains nodeId, ${claim.nodeId}`);
      }
      return { kind: action, ...claim, members };
    }
    case 'promote': {
      only(fields, [...claimFields, 'fromEpoch']);
      const fromEpoch = epoch(fields, 'fromEpoch');
      if (claim.epoch <= fromEpoch) {
        throw wrong('epoch', claim.epoch, `a number above fromEpoch, which is ${fromEpoch}`);
      }
      return { kind: action, ...claim, fromEpoch };
    }
    case 'reassert':
      only(fields, [...claimFields, 'history']);
      return { kind: action, ...claim, ...historyIn(fields) };
  }
}

/** @throws RequestError 400 */
export function operatorRequest(action: OperatorAction, groupId: string, body: unknown): OperatorRequest {
  const fields = object(body);
  const expectedEpoch = epoch(fields, 'expectedEpoch');
  const acknowledgement = text(fields, 'acknowledgement');
  if (action === 'forget') {
    only(fields, ['incarnation', 'expectedEpoch', 'acknowledgement']);
    return { kind: action, groupId, ...incarnationIn(fields), expectedEpoch, acknowledgement };
  }
  only(fields, [...claimFields, 'expectedEpoch', 'acknowledgement']);
  return { kind: action, groupId, ...claimIn(fields), expectedEpoch, acknowledgement };
}

const claimFields = ['nodeId', 'claimId', 'incarnation', 'epoch', 'lineageId'];

function claimIn(fields: Fields): {
  nodeId: string;
  claimId: string;
  incarnation?: string;
  epoch: number;
  lineageId: string;
} {
  return {
    nodeId: id(fields, 'nodeId'),
    claimId: token(fields, 'claimId'),
    ...incarnationIn(fields),
    epoch: epoch(fields, 'epoch'),
    lineageId: token(fields, 'lineageId'),
  };
}

function incarnationIn(fields: Fields): { incarnation?: string } {
  return fields['incarnation'] === undefined ? {} : { incarnation: token(fields, 'incarnation') };
}

function membersIn(fields: Fields): readonly string[] {
  const members = fields['members'];
  const right = `a list of 1 to ${membersMax} different node ids`;
  if (!Array.isArray(members) || members.length < 1 || members.length > membersMax) {
    throw wrong('members', members, right);
  }
  const ids = members.map((member: unknown, index) => {
    if (typeof member !== 'string' || !idPattern.test(member)) {
      throw new RequestError(400, 'PROTOCOL', idMessage(`members[${index}]`, member), `members[${index}]`);
    }
    return member;
  });
  if (new Set(ids).size !== ids.length) throw wrong('members', members, right);
  return ids;
}

function historyIn(fields: Fields): Pick<ReassertRequest, 'history'> {
  const history = fields['history'];
  if (history === undefined) return {};
  if (!Array.isArray(history) || history.length > historyMax) {
    throw wrong('history', history, `a list of at most ${historyMax} {epoch, lineageId}`);
  }
  return {
    history: history.map((past: unknown, index) => {
      const entry = object(past, `history[${index}]`);
      only(entry, ['epoch', 'lineageId'], `history[${index}].`);
      return {
        epoch: epoch(entry, 'epoch', `history[${index}].`),
        lineageId: token(entry, 'lineageId', `history[${index}].`),
      };
    }),
  };
}

function object(value: unknown, name = 'the body'): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw wrong(name, value, 'a JSON object');
  }
  return value as Fields;
}

function only(fields: Fields, allowed: readonly string[], prefix = ''): void {
  const unknown = Object.keys(fields).find((key) => !allowed.includes(key));
  if (unknown === undefined) return;
  const shown = shorten(unknown);
  throw new RequestError(
    400,
    'PROTOCOL',
    `${prefix}${shown} is not a field of this request. It has: ${allowed.join(', ')}.`,
    `${prefix}${shown}`,
  );
}

function id(fields: Fields, key: string): string {
  const value = fields[key];
  if (typeof value !== 'string' || !idPattern.test(value)) {
    throw new RequestError(400, 'PROTOCOL', idMessage(key, value), key);
  }
  return value;
}

function token(fields: Fields, key: string, prefix = ''): string {
  const value = fields[key];
  if (typeof value !== 'string' || !tokenPattern.test(value)) {
    throw wrong(`${prefix}${key}`, value, 'a text of 1 to 512 printable characters without blanks');
  }
  return value;
}

function text(fields: Fields, key: string): string {
  const value = fields[key];
  if (typeof value !== 'string' || value.length > 1024) {
    throw wrong(key, value, 'a text of at most 1024 characters');
  }
  return value;
}

function epoch(fields: Fields, key: string, prefix = ''): number {
  const value = fields[key];
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw wrong(`${prefix}${key}`, value, 'a whole number from 0 to 2^53 - 1');
  }
  return value;
}

function idMessage(field: string, found: unknown): string {
  return `${field} is ${show(found)}. Right would be an id: 1 to 128 of A-Z a-z 0-9 _ . : -, beginning with a letter or digit.`;
}

function wrong(field: string, found: unknown, right: string): RequestError {
  return new RequestError(400, 'PROTOCOL', `${field} is ${show(found)}. Right would be ${right}.`, field);
}

/** What stands there, short enough for a message and safe in a log line: JSON escapes what is not printable. */
function show(value: unknown): string {
  return value === undefined ? 'missing' : shorten(JSON.stringify(value));
}

function shorten(shown: string): string {
  return shown.length <= 80 ? shown : `${shown.slice(0, 77)}...`;
}
