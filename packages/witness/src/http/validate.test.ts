import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decide } from '../service/decide.js';
import { memberActions, operatorActions, RequestError } from './api.js';
import { checkedGroupId, memberRequest, operatorRequest } from './validate.js';
import { parseAnswer } from './wire-answer.js';

const claim = { nodeId: 'P', claimId: 'c', incarnation: 'i', epoch: 2, lineageId: 'l' };
const right: Record<string, unknown> = {
  register: { ...claim, members: ['P', 'N'] },
  promote: { ...claim, fromEpoch: 1 },
  reassert: { ...claim, history: [{ epoch: 1, lineageId: 'k' }] },
  rejoin: { ...claim, members: ['P', 'N'] },
  'manual-promote': { ...claim, expectedEpoch: 1, acknowledgement: 'yes' },
  forget: { expectedEpoch: 1, acknowledgement: 'yes' },
};

function outcome(action: string, body: unknown): unknown {
  const member = memberActions.find((known) => known === action);
  const operator = operatorActions.find((known) => known === action);
  if (member !== undefined) return memberRequest(member, 'g', body);
  return operator === undefined ? undefined : operatorRequest(operator, 'g', body);
}

describe('what comes from outside', () => {
  test('right requests pass as they are', () => {
    for (const [action, body] of Object.entries(right)) {
      expect(outcome(action, body)).toEqual({ kind: action, groupId: 'g', ...(body as object) });
    }
  });

  test('whatever else comes is a 400 with a short message, never another failure', () => {
    const actions = [...memberActions, ...operatorActions];
    fc.assert(
      fc.property(fc.constantFrom(...actions), fc.jsonValue(), (action, body) =>
        refusedOrRight(action, body),
      ),
    );
  });

  test('so is a right request with one field changed, added or taken away', () => {
    const actions = [...memberActions, ...operatorActions];
    const key = fc.oneof(
      fc.constantFrom(...Object.keys(claim), 'members', 'fromEpoch', 'history'),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.constantFrom(...actions), key, fc.option(fc.jsonValue()), (action, field, value) => {
        const body = new Map(Object.entries(right[action] as object));
        if (value === null) body.delete(field);
        else body.set(field, value);
        return refusedOrRight(action, Object.fromEntries(body));
      }),
    );
  });

  test('names that would mean something in a path, a certificate or an object are no ids', () => {
    for (const id of ['', '.', '..', '-x', '_x', '__proto__', 'a/b', 'a b', 'a\n', 'ä', 'x'.repeat(129)]) {
      expect(() => checkedGroupId(id), id).toThrow(RequestError);
    }
    for (const id of ['a', 'A-1', 'rack.7:node_2', 'constructor', 'x'.repeat(128)])
      expect(checkedGroupId(id)).toBe(id);
  });

  test('a node called like a property of every object is a node like any other', () => {
    const meta = { incarnation: 'i' };
    const members = ['constructor', 'toString'];
    const word = (nodeId: string) =>
      memberRequest('register', 'g', { ...claim, nodeId, claimId: nodeId, members });
    const first = decide(undefined, word('constructor'), meta);
    expect(first.answer.view.state).toBe('EMPTY');
    expect(decide(first.record, word('toString'), meta).answer.view.state).toBe('REGISTERED');
  });
});

describe('an answer on the wire', () => {
  test('comes out as it went in', () => {
    for (const [action, body] of Object.entries(right)) {
      const request = outcome(action, body) as Parameters<typeof decide>[1];
      const { answer } = decide(undefined, request, { incarnation: 'i' });
      expect(parseAnswer(JSON.parse(JSON.stringify(answer)))).toEqual(answer);
    }
  });

  test('anything else is none', () => {
    fc.assert(fc.property(fc.jsonValue(), (body) => parseAnswer(body) === undefined));
    const view = { state: 'EMPTY', incarnation: 'i', quarantined: false, epoch: 0, members: [] };
    expect(parseAnswer({ kind: 'granted', view })).toBeDefined();
    expect(parseAnswer({ kind: 'unreachable', view })).toBeUndefined();
    for (const wrong of [
      { state: 'ODD' },
      { epoch: 1.5 },
      { members: [1] },
      { owner: 1 },
      { quarantined: 'no' },
    ]) {
      expect(parseAnswer({ kind: 'granted', view: { ...view, ...wrong } })).toBeUndefined();
    }
  });
});

/** Either it has passed and is exactly what was sent, or it was refused properly. */
function refusedOrRight(action: string, body: unknown): boolean {
  try {
    expect(outcome(action, body)).toEqual({ kind: action, groupId: 'g', ...(body as object) });
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    expect(error.status).toBe(400);
    expect(error.message.length).toBeLessThan(400);
  }
  return true;
}
