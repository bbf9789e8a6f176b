import { type BlockOperation, type BlockViolation, byBlock } from './history.js';
import { checkBySearch } from './search.js';
import { checkZones } from './zones.js';

export interface BlockHistoryCheck {
  readonly ok: boolean;
  readonly blocks: number;
  readonly operations: number;
  /** One per block that fails. */
  readonly violations: readonly BlockViolation[];
}

/**
 * Whether every block behaved as one register: each operation took effect at one moment between its start and its end, for all
 * clients and through all nodes alike. Needs a stamp of its own for every write; a block where a client that cannot number its
 * requests has repeated one, so that two writes carry the same stamp, is checked by search, which is slow.
 *
 * @throws TypeError for what is no history, or a repeated write among too many others.
 */
export function checkBlockHistory(history: Iterable<BlockOperation>): BlockHistoryCheck {
  const blocks = byBlock(history);
  const violations: BlockViolation[] = [];
  let operations = 0;
  for (const [block, onBlock] of blocks) {
    operations += onBlock.length;
    const violation = stampsAreUnique(onBlock) ? checkZones(block, onBlock) : checkBySearch(block, onBlock);
    if (violation !== undefined) violations.push(violation);
  }
  return { ok: violations.length === 0, blocks: blocks.size, operations, violations };
}

function stampsAreUnique(operations: readonly BlockOperation[]): boolean {
  const stamps = new Set<number>();
  let writes = 0;
  for (const { kind, value } of operations) {
    if (kind !== 'write') continue;
    writes += 1;
    stamps.add(value);
  }
  return stamps.size === writes;
}
