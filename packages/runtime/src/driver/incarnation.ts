import { HoldfastError, type Store } from '@holdfast/core';

/**
 * Counts the starts of a node, durably, and gives back the number of this one: 1, 2, 3 and so on. Call it once per start and wait
 * for it before the first effect: a life that crashed can then never have used an id that this one will use.
 *
 * @param key the record's name in the store. Default 'incarnation'.
 * @throws CORRUPT when the record is no number; and what the store throws.
 */
export async function nextIncarnation(store: Store, key = 'incarnation'): Promise<number> {
  const before = await store.load(key);
  const last = before === undefined ? 0 : Number(new TextDecoder().decode(before));
  if (!Number.isSafeInteger(last) || last < 0) {
    throw new HoldfastError(
      'CORRUPT',
      `Record '${key}' in ${store.name} is no count of starts. Restore it to a number that was never reached.`,
    );
  }
  const next = last + 1;
  await store.save(key, new TextEncoder().encode(String(next)));
  return next;
}
