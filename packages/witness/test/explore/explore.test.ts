import { describe, expect, test } from 'vitest';
import { type Guards, guards } from '../../src/service/guards.js';
import { explore } from './explore.js';
import type { Bounds } from './world.js';

const base = { epochMax: 4, incarnationMax: 1, livesMax: 1, messagesMax: 6 };

/** Every world is explored to its end with the real guards; each guard left out must be found in one of them. */
const bounds = {
  'a node dies before it has written its grant down': { ...base, messagesMax: 5, livesMax: 2 },
  'members that lost ask and lie, and a former member asks': {
    ...base,
    messagesMax: 6,
    withStranger: true,
    withDisobedience: true,
  },
  'the witness is emptied': { ...base, messagesMax: 5, incarnationMax: 2, withEmptied: true },
  'the witness is put back to a copy': { ...base, messagesMax: 5, incarnationMax: 2, withBackup: true },
  'a person makes a node serve': { ...base, messagesMax: 4, epochMax: 5, withForce: true },
} satisfies Record<string, Bounds>;

const everywhere = ['promote 2: granted', 'promote 2: denied', 'rejoin 3: granted', 'reassert 2: granted'];
const alsoMet: Readonly<Record<string, readonly string[]>> = {
  'the witness is emptied': ['unknown-incarnation', 'not-registered'],
  'the witness is put back to a copy': ['quarantined'],
};

describe('two nodes, a network that repeats and reorders, and a witness that may lose its memory', () => {
  for (const [story, bound] of Object.entries(bounds)) {
    test(`${story}: never two owners, nothing granted twice, nothing undone`, { timeout: 120_000 }, () => {
      const { exhausted, broken, states, labels } = explore(bound);
      expect(broken).toBeUndefined();
      expect(exhausted).toBe(true);
      expect(states).toBeGreaterThan(500);
      // Whoever explores must also have been there.
      const heard = [...labels].join('\n');
      for (const met of [...everywhere, ...(alsoMet[story] ?? [])]) expect(heard, met).toContain(met);
    });
  }
});

/** Where each guard's absence shows, and as what. */
const found: Readonly<Record<Exclude<keyof Guards, 'acknowledges'>, readonly [Bounds, RegExp]>> = {
  namesIncarnation: [copies(), /after the other had got it/],
  isMember: [lies(), /no member was granted/],
  isTrusted: [copies(), /after the other had got it/],
  nobodyIsPromoted: [lies(), /lost what it holds/],
  startsFromRecord: [lies(), /both nodes serve alone/],
  isStillWished: [bounds['a person makes a node serve'], /mirrored at 4, and an owner of 2/],
  isOpen: [lies(), /granted what it had been denied/],
  registrationMovesOn: [lies(), /went back/],
  allAgree: [copies(), /after the other had got it/],
  isAboveRecord: [lies(), /went back/],
  isAboveRegistrations: [bounds['the witness is emptied'], /mirrored at 3, and an owner of 2/],
  mayRejoin: [lies(), /lost what it holds/],
  descends: [bounds['a person makes a node serve'], /lost what it holds/],
};

describe('every guard is needed: without it the exploration ends in a broken rule', () => {
  for (const [name, [bound, rule]] of Object.entries(found)) {
    test(name, { timeout: 120_000 }, () => {
      const { broken } = explore(bound, { ...guards, [name]: () => true });
      expect(broken?.rule).toMatch(rule);
    });
  }

  test('taking a copy of the memory for the memory itself', { timeout: 120_000 }, () => {
    const { broken } = explore({ ...copies(), trustsCopies: true });
    expect(broken?.rule).toMatch(/after the other had got it|two owners/);
    expect(broken?.story).toContain('the witness is put back to the copy');
  });

  test('all guards are covered, but the one that a person passes', () => {
    expect([...Object.keys(found), 'acknowledges'].sort()).toEqual(Object.keys(guards).sort());
  });
});

function copies(): Bounds {
  return { ...base, incarnationMax: 2, withBackup: true };
}

function lies(): Bounds {
  return { ...base, withStranger: true, withDisobedience: true };
}
