import { describe, expect, it } from 'vitest';
import { SurvivorWatch } from '../src/survivor-watch.js';

const at = (nodeId: string, mode: string, epoch: number) => ({ nodeId, mode, epoch });

describe('the watch over survivors', () => {
  it('is content with one survivor after the other', () => {
    const watch = new SurvivorWatch();
    expect(watch.changed(at('a', 'standalone', 3), 'fenced')).toBeUndefined();
    expect(watch.changed(at('a', 'syncSource', 3), 'syncTarget')).toBeUndefined();
    expect(watch.changed(at('a', 'mirrored', 4), 'mirrored')).toBeUndefined();
    expect(watch.changed(at('b', 'standalone', 5), undefined)).toBeUndefined();
  });

  it('misses two at a time, and two in one epoch', () => {
    const watch = new SurvivorWatch();
    expect(watch.changed(at('a', 'standalone', 3), 'syncSource')).toMatch(
      /while the other node is syncSource/,
    );
    expect(watch.changed(at('b', 'standalone', 3), undefined)).toMatch(/both were survivors in epoch 3/);
  });
});
