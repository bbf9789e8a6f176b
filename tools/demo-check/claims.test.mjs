import { describe, expect, it } from 'vitest';
import { countClaims } from './claims.mjs';

const proved = { name: 'no acknowledged write lost', passed: true, detail: '0 of 10' };
const broken = { name: 'one survivor', passed: false, detail: 'both served' };

function counts(report, code = 0) {
  const { passed, failed } = countClaims(typeof report === 'string' ? report : JSON.stringify(report), code);
  return [passed, failed];
}

describe('the claims of the demonstration', () => {
  it('are counted, wherever they stand in the report', () => {
    expect(counts({ checks: [proved, proved, broken] }, 1)).toEqual([2, 1]);
    expect(counts({ runs: [{ checks: [proved] }, { checks: [proved] }] })).toEqual([2, 0]);
  });

  it('are counted over several documents, one per line', () => {
    expect(
      counts(`${JSON.stringify({ checks: [proved] })}\n${JSON.stringify({ checks: [proved] })}\n`),
    ).toEqual([2, 0]);
  });

  it('are missing when there is no JSON, or none with claims', () => {
    expect(counts('it went well')).toEqual([0, 1]);
    expect(counts({ checks: [] })).toEqual([0, 1]);
  });

  it('do not hide that the program failed', () => {
    expect(counts({ checks: [proved] }, 1)).toEqual([1, 1]);
  });

  it('say what went wrong', () => {
    expect(countClaims(JSON.stringify({ checks: [broken] }), 1).lines).toEqual([
      'FAILED  one survivor: both served',
    ]);
  });
});
