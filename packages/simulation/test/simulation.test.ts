import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, test } from 'vitest';
import { drawPlan, parseReplay, type Plan, shrinkPlan, simulate } from '../src/index.js';

const folder = fileURLToPath(new URL('replays/', import.meta.url));

describe('runs that once broke a promise', () => {
  test.each(readdirSync(folder))('%s', { timeout: 60_000 }, async (file) => {
    const { state, rule, plan } = parseReplay(readFileSync(`${folder}${file}`, 'utf8'), file);
    const { violation } = await simulate(plan);
    // An open fault that is gone was mended: say so in its file.
    expect(violation?.rule).toBe(state === 'mended' ? undefined : rule);
  });
});

describe('a seed', () => {
  it('makes one run, bit for bit', async () => {
    const first = await simulate(drawPlan(7));
    const second = await simulate(drawPlan(7));
    expect(second).toEqual(first);
    expect(first.violation).toBeUndefined();
    expect(first.operations).toBeGreaterThan(50);
    expect((await simulate(drawPlan(8))).fingerprint).not.toBe(first.fingerprint);
  });

  it('makes the same plan, also after a trip through JSON', () => {
    expect(JSON.parse(JSON.stringify(drawPlan(11)))).toEqual(drawPlan(11));
    for (let seed = 1; seed <= 200; seed += 1) {
      const { clients } = drawPlan(seed);
      expect(clients.reduce((sum, { operations }) => sum + operations.length, 0)).toBeLessThanOrEqual(480);
    }
  });
});

describe('making a plan smaller', () => {
  it('keeps what matters and nothing else', async () => {
    const plan = drawPlan(3);
    const wanted = plan.faults[2];
    const hasIt = async (smaller: Plan): Promise<boolean> =>
      smaller.faults.some((fault) => fault.atMs === wanted?.atMs && fault.kind === wanted.kind);
    const small = await shrinkPlan(plan, hasIt);
    expect(small.faults).toEqual([wanted]);
    expect(small.clients.every(({ operations }) => operations.length === 0)).toBe(true);
  });

  it('gives up after so many tries, with the best so far', async () => {
    let tries = 0;
    const plan = drawPlan(3);
    const small = await shrinkPlan(
      plan,
      async () => {
        tries += 1;
        return false;
      },
      10,
    );
    expect(tries).toBe(10);
    expect(small).toEqual(plan);
  });
});

describe('a file that is no replay', () => {
  test.each([
    ['{', /no JSON/],
    ['{}', /lacks about, commit, state, rule, plan/],
    [
      '{"about":"","commit":"","state":"open","rule":"","plan":{"version":9}}',
      /version 9; this simulator knows version 1/,
    ],
  ])('%s is refused with its name', (text, message) => {
    expect(() => parseReplay(text, 'lost.json')).toThrow(message);
    expect(() => parseReplay(text, 'lost.json')).toThrow('lost.json');
  });
});
