import { describe, expect, it } from 'vitest';
import { History } from '../src/history.js';
import type { Operation } from '../src/plan.js';

const write = (forceUnitAccess = false): Operation => ({
  kind: 'write',
  volume: 0,
  block: 0,
  count: 1,
  forceUnitAccess,
  thinkMs: 0,
});

describe('what a register may hold after both sites lost power', () => {
  it('is anything that no later, stable write has covered', () => {
    let now = 0;
    const history = new History(() => now);
    const put = (value: number, forced = false): void => {
      const request = history.begin();
      history.writing(request, write(forced), value, 'one');
      now += 1;
      history.wrote(request);
      now += 1;
    };
    put(1);
    put(2);
    expect([...history.mayHoldAfterBlackout(0)].sort()).toEqual([0, 1, 2]);
    const flushFrom = now;
    now += 1;
    history.flushed(0, flushFrom);
    expect([...history.mayHoldAfterBlackout(0)]).toEqual([2]);
    put(3);
    history.writing(history.begin(), write(), 4, 'never answered');
    expect([...history.mayHoldAfterBlackout(0)]).toEqual([2, 3, 4]);
    now += 1;
    put(5, true);
    expect([...history.mayHoldAfterBlackout(0)]).toEqual([4, 5]);
  });

  it('is not covered by the flush of another volume, or by one that began before the answer', () => {
    let now = 0;
    const history = new History(() => now);
    const request = history.begin();
    history.writing(request, write(), 1, 'one');
    now = 5;
    history.wrote(request);
    history.flushed(1, 6);
    history.flushed(0, 4);
    expect([...history.mayHoldAfterBlackout(0)].sort()).toEqual([0, 1]);
  });

  it('a read of what was overwritten is found out', () => {
    let now = 0;
    const history = new History(() => now);
    for (const value of [1, 2]) {
      const request = history.begin();
      history.writing(request, write(), value, 'one');
      now += 1;
      history.wrote(request);
      now += 1;
    }
    history.saw({ ...write(), kind: 'read' }, [1, 1], now, 'two');
    expect(history.contradiction()).toMatch(/register 0/);
  });
});
