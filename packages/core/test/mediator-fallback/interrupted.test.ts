import { describe, expect, test } from 'vitest';
import { endsOtherwise, stories } from './interrupted.js';

describe('a process that ends at any wish, and starts from its disk', () => {
  test.each(stories)('%s: the same end', (_title, story) => {
    expect(endsOtherwise(story)).toEqual([]);
  });
});
