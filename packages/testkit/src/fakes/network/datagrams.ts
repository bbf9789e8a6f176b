import type { Prng } from '@holdfast/core';

/** What happens to messages for themselves, in shares of one. */
export interface Weather {
  readonly loss?: number;
  readonly doubled?: number;
  /** Up to `lateMs` later than the others, so that some overtake them. */
  readonly late?: number;
  readonly lateMs?: number;
}

/** When the copies of one message arrive, after its link's own delay: none when it is lost. */
export function fatesOf(weather: Weather, random: Prng): readonly number[] {
  const { loss = 0, doubled = 0, late = 0, lateMs = 100 } = weather;
  if (random.unit() < loss) return [];
  const copies = random.unit() < doubled ? 2 : 1;
  return Array.from({ length: copies }, () => (random.unit() < late ? random.unit() * lateMs : 0));
}
