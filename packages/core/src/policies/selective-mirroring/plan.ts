import { blockIn, blocksOf } from './blocks.js';
import { mirroringHeatFlags, type MirroringHeatSnapshot } from './heat.js';
import { selectHotBlocks } from './select.js';
import type { MirroringState } from './state.js';
import type { MirroringChosenBlock, MirroringEffect, MirroringPlan } from './types.js';

type Question = Pick<Extract<MirroringEffect, { kind: 'select-blocks' }>, 'budgetBytes' | 'scope'>;

/**
 * The answer to a `select-blocks` effect: what joins the mirror set and what leaves it, at most `movesPerPlanMax` of each, the most
 * worthy first. Pure; takes time in proportion to the blocks of the snapshot. A plan for one client's heat only adds.
 */
export function planMirroring(
  state: MirroringState,
  question: Question,
  snapshot: MirroringHeatSnapshot,
): MirroringPlan {
  const { owner, self } = state;
  const { movesPerPlanMax, essentialClasses } = self.tuning;
  const selected = selectHotBlocks(snapshot, {
    tuning: self.tuning,
    budgetBytes: question.budgetBytes,
    isMirrored: (block) => blockIn(owner.blocks, block) !== undefined,
  });
  const chosen = new Set<number>();
  const add: MirroringChosenBlock[] = [];
  let moves = 0;
  for (const row of selected.rows) {
    const block = snapshot.block[row] ?? 0;
    chosen.add(block);
    if (blockIn(owner.blocks, block) !== undefined) continue;
    moves += 1;
    if (add.length >= movesPerPlanMax) continue;
    const flags = snapshot.flags[row] ?? 0;
    const kind = snapshot.classes[snapshot.classOf[row] ?? -1] ?? '';
    add.push({
      block,
      sizeBytes: snapshot.sizeBytes[row] ?? 0,
      label: snapshot.labels[snapshot.labelOf[row] ?? -1] ?? '',
      tenant: snapshot.tenants[snapshot.tenantOf[row] ?? -1] ?? '',
      first: (flags & mirroringHeatFlags.pinned) !== 0 || essentialClasses.includes(kind),
    });
  }
  const drop: number[] = [];
  if (question.scope.kind === 'volume') {
    for (const [block, entry] of blocksOf(owner.blocks)) {
      if (chosen.has(block) || entry.phase === 'dropping') continue;
      moves += 1;
      if (drop.length < movesPerPlanMax) drop.push(block);
    }
  }
  return {
    heat: snapshot.heat,
    add,
    drop,
    expectedWarmShare: selected.expectedWarmShare,
    candidates: selected.candidates,
    chosen: selected.rows.length,
    left: moves - add.length - drop.length,
  };
}
