import type { PolarizationState } from '../../src/index.js';
import { blocks, maskOf, type Block, type DataPart, type DataRules, type Job } from './data.js';
import { Register } from './register.js';
import { names, sides, type Side, type World } from './world.js';

/** The writes that hosts make, in no order: number 1 comes first in the list. `via`: the node that its host is at; default: either. */
export type Script = readonly { readonly block: Block; readonly via?: Side }[];

export type DataChoice =
  | { readonly do: 'submit' | 'repeat'; readonly side: Side; readonly write: number }
  | {
      readonly do: 'order' | 'own-leg' | 'send';
      readonly side: Side;
      readonly write: number;
      readonly generation: number;
    }
  | { readonly do: 'read' | 'admit' | 'copy'; readonly side: Side; readonly block: Block }
  | { readonly do: 'tidy'; readonly side: Side };

/** What the data path may do next. */
export class DataOffers {
  constructor(
    readonly rules: DataRules,
    protected readonly script: Script,
    private readonly mayRead: (world: World, side: Side) => boolean,
  ) {}

  protected blockOf(write: number): Block {
    return this.script[write - 1]?.block ?? 0;
  }

  /** `repeats`: hosts may lose a path. */
  choices(world: World, repeats: boolean): readonly DataChoice[] {
    const { data } = world;
    if (data === null) return [];
    const found: DataChoice[] = [];
    for (const side of sides) {
      const node = world.nodes[side];
      if (node.state === null || node.paused) continue;
      if (node.state.gate.host === 'open' && node.draining === null)
        this.hostChoices(data, side, repeats, found);
      for (const job of data.jobs[side]) this.jobChoices(world, data, node.state, side, job, found);
      for (const block of blocks) this.blockChoices(world, data, side, block, found);
      if (this.logToLetGo(world, data, side) !== 0) found.push({ do: 'tidy', side });
    }
    return found;
  }

  protected hostChoices(data: DataPart, side: Side, repeats: boolean, found: DataChoice[]): void {
    data.writes.forEach((one, index) => {
      const write = index + 1;
      const via = this.script[index]?.via;
      const isHere = via === undefined || via === side;
      if (one.state === 'new' && isHere) found.push({ do: 'submit', side, write });
      if (repeats && one.state === 'under-way' && one.generation === 0 && one.via !== side)
        found.push({ do: 'repeat', side, write });
    });
  }

  protected jobChoices(
    world: World,
    data: DataPart,
    state: PolarizationState,
    side: Side,
    job: Job,
    found: DataChoice[],
  ): void {
    const { write, generation } = job;
    const { legs } = state.gate;
    const isOpen = state.gate.host === 'open';
    if (job.phase === 'queued' && isOpen && this.mayOrder(world, data, side, job))
      found.push({ do: 'order', side, write, generation });
    if (job.phase !== 'ordered') return;
    if (!job.own) found.push({ do: 'own-leg', side, write, generation });
    const isReplicating = legs === 'both' || legs === 'own-and-target';
    const isReady = job.own || !this.rules.ownLegFirst;
    if (isOpen && isReady && isReplicating && job.peer === 'unsent' && world.link.at[side] === 'joined')
      found.push({ do: 'send', side, write, generation });
  }

  protected mayOrder(world: World, data: DataPart, side: Side, job: Job): boolean {
    const node = world.nodes[side];
    if (node.draining !== null || node.state === null) return false;
    if (!this.isSequencer(node.state, side)) return world.link.at[side] === 'joined';
    const block = this.blockOf(job.write);
    const isCopied = this.rules.copyHeld && (data.copying & maskOf(block)) !== 0;
    return !isCopied && !(this.rules.oneAtATime && this.isHeld(data, side, block));
  }

  protected isSequencer(state: PolarizationState, side: Side): boolean {
    return !this.rules.oneSequencer || state.gate.sequencer === names[side] || state.gate.legs !== 'both';
  }

  /** An ordered write of this node has the block. */
  protected isHeld(data: DataPart, side: Side, block: Block): boolean {
    return data.jobs[side].some((job) => job.phase === 'ordered' && this.blockOf(job.write) === block);
  }

  protected blockChoices(world: World, data: DataPart, side: Side, block: Block, found: DataChoice[]): void {
    const mask = maskOf(block);
    const isAdmitted = (data.admitted[side] & mask) !== 0;
    const mayRead = this.mayRead(world, side) && !(this.rules.rangeHeld && this.isHeld(data, side, block));
    if (!this.rules.leaseAfterRead && mayRead && !isAdmitted) found.push({ do: 'admit', side, block });
    // A read that tells nothing new leads nowhere.
    if ((mayRead || isAdmitted) && this.afterRead(data, side, block) !== data.registers[block])
      found.push({ do: 'read', side, block });
    const { resync } = world.nodes[side];
    const isListed = (data.todo & mask) !== 0 && (data.copying & mask) === 0;
    const isFree = !this.rules.copyHeld || !this.isHeld(data, side, block);
    if (resync?.side === 'source' && isListed && isFree && isJoined(world))
      found.push({ do: 'copy', side, block });
  }

  protected underWay(data: DataPart, block: Block): readonly number[] {
    const open: number[] = [];
    data.writes.forEach(({ state }, index) => {
      if (state !== 'new' && this.blockOf(index + 1) === block) open.push(index + 1);
    });
    return open;
  }

  protected afterRead(data: DataPart, side: Side, block: Block): number {
    return Register.read(data.registers[block], data.legs[side].cache[block], this.underWay(data, block));
  }

  /** Blocks that both legs have, stable, or that the map will have once it is saved. */
  protected logToLetGo(world: World, data: DataPart, side: Side): number {
    let mask = 0;
    for (const block of blocks) {
      const bit = maskOf(block);
      if ((data.log[side] & bit) === 0) continue;
      const isMarked = (data.dirty[side] & bit) !== 0;
      const isWritten = this.isHeld(data, side, block);
      const [a, b] = data.legs;
      const isOnBoth =
        a.cache[block] === b.cache[block] &&
        a.disk[block] === a.cache[block] &&
        b.disk[block] === b.cache[block];
      const isSettled = isMarked || (isOnBoth && world.nodes[side].state?.mode === 'mirrored');
      if (!this.rules.logKept || (isSettled && !isWritten)) mask |= bit;
    }
    return mask;
  }
}

function isJoined(world: World): boolean {
  return world.link.at.every((standing) => standing === 'joined');
}
