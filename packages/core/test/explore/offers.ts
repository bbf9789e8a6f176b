import type { Landmark } from '@holdfast/testkit';
import { consistencyGroup, ttlPolarization, type Mode, type PolarizationFact } from '../../src/index.js';
import type { Choice, MortalChoice } from './choices.js';
import { leavesProcess, type Setting } from './deeds.js';
import { FaultBook, type FaultKind, type FaultLimits } from './faults.js';
import type { GroupParts } from './group-parts.js';
import { groupedOf } from './grouped.js';
import { Happening } from './happen.js';
import { isTaking } from './plain-happenings.js';
import { PolicyBench, type Policy } from './policy-bench.js';
import { Rules } from './rules.js';
import { names, otherSide, sides, type Side, type World } from './world.js';

export interface Scene {
  readonly name: string;
  readonly limits: FaultLimits;
  readonly setting?: Partial<Setting>;
  readonly policy?: Policy;
  /** In place of `policy`: a whole group of these policies beside fault handling. */
  readonly group?: GroupParts;
  /**
   * Where it begins: neither node has ever served; both mirror (the default); a serves alone; a copies to b; b copies to a; the storage
   * of a is ill and b serves alone; the witness is away and a stand-in is elected.
   */
  readonly from?: 'fresh' | 'mirror' | 'alone' | 'resync' | 'homecoming' | 'swapped' | 'elected';
  /** Starts, heals, new connections, and writes of hosts: at every moment, when nothing else waits for its turn (the default), or not at all. */
  readonly repairs?: 'anytime' | 'between' | 'never';
  /**
   * Every order of events (`any`); after the last fault one of those that nobody can tell apart (`one`, the default); besides, words that
   * only repeat what is known are heard at once and before the next fault (`few`).
   */
  readonly order?: 'any' | 'one' | 'few';
  readonly landmarks?: readonly Landmark<World>[];
  /** How much of all states are its, against another scene. Default 1. */
  readonly share?: number;
}

/** Everything that may happen next. */
export class Offers {
  readonly bench: PolicyBench;
  protected readonly happening: Happening;
  protected readonly book: FaultBook;
  protected readonly rules: Rules;

  constructor(readonly scene: Scene) {
    const { group } = scene;
    const policy =
      scene.policy ?? (group === undefined ? ttlPolarization : groupedOf(consistencyGroup, group));
    this.bench = new PolicyBench(policy);
    this.book = new FaultBook(scene.limits);
    this.rules = new Rules(policy);
    this.happening = new Happening(
      this.bench,
      { faultModel: { kind: 'mediator' }, ...scene.setting },
      this.book,
      (world, side) => this.rules.mayRead(world.nodes[side]),
    );
  }

  apply(world: World, choice: Choice): World {
    return this.happening.apply(world, choice);
  }

  choices(world: World): readonly Choice[] {
    const found: Choice[] = [];
    let isUrgent = false;
    for (const side of sides) if (this.eventsAt(world, side, found)) isUrgent = true;
    if (this.asksHeard(world, found)) isUrgent = true;
    const isOver = world.faults[0] === this.scene.limits.total;
    const { order = 'one' } = this.scene;
    if (isUrgent && (order === 'few' || (order === 'one' && isOver))) {
      const one = this.unseen(
        world,
        isOver ? found : found.filter((choice) => this.isChatter(world, choice)),
      );
      if (one !== undefined) return [one];
    }
    const isQuiet = this.scene.repairs === 'anytime' || !isUrgent;
    if (isQuiet && this.scene.repairs !== 'never') {
      if (this.mayConnect(world)) found.push({ do: 'connect' });
      this.hostsAndStarts(world, found);
    }
    if (isQuiet || found.every(isOfData))
      found.push(...(this.happening.path?.choices(world, this.may(world, 'path')) ?? []));
    this.timeGoesOn(world, isUrgent, found);
    if (!isOver) {
      for (const side of sides) this.faultsAt(world, side, found);
      this.faultsBetween(world, found);
    }
    return found;
  }

  /** Renewals, health, and looks at the witness: what a quiet mirror says all the time. */
  protected isChatter(world: World, choice: Choice): boolean {
    if ('dies' in choice) return false;
    switch (choice.do) {
      case 'ask-heard':
        return world.witness.asks[choice.index]?.request.kind === 'status';
      case 'reply':
        return world.nodes[choice.side].state?.claim?.call === 'status';
      case 'deliver':
        return (
          choice.what === 'health' ||
          choice.what === 'of-fallback report' ||
          (choice.what.startsWith('ttl') && !this.may(world, 'delay'))
        );
      default:
        return false;
    }
  }

  /**
   * Once nothing more goes wrong, events of two nodes can be told apart by their order only if one of them changes what its node may do. One
   * that does not is taken first, and alone.
   */
  protected unseen(world: World, found: readonly Choice[]): Choice | undefined {
    if (world.link.to.some((letters) => letters.some((letter) => letter.kind === 'end'))) return undefined;
    return found.find((choice) => {
      if (choice.do === 'ask-heard') return world.witness.asks.every((ask) => !ask.late);
      if (!('side' in choice) || choice.do === 'caught-up' || choice.do === 'silent') return false;
      const before = world.nodes[choice.side].state;
      const after = this.apply(world, choice).nodes[choice.side].state;
      if (before === null || after === null) return false;
      const [had, has] = [this.rules.powersOf(before), this.rules.powersOf(after)];
      return had.alone === has.alone && had.reads === has.reads && has.broken === undefined;
    });
  }

  protected may(world: World, kind: FaultKind): boolean {
    return this.book.may(world.faults, kind);
  }

  /** What a node is about to take notice of. True when that waits for nothing but its turn. */
  protected eventsAt(world: World, side: Side, found: Choice[]): boolean {
    const node = world.nodes[side];
    const { state } = node;
    if (state === null || node.paused) return false;
    const before = found.length;
    if (this.bench.isDue(state)) this.offer(world, side, { do: 'tick', side }, this.bench.tick, found);
    if (node.persist !== null) {
      const fact = this.bench.persisted(node.persist.effect);
      this.offer(world, side, { do: 'persisted', side }, fact, found);
    }
    this.lettersTo(world, side, found);
    if (node.draining !== null && !node.draining.endsWith('done') && this.isDrained(world, side))
      found.push({ do: 'drained', side });
    const isWaiting = world.witness.cut[side];
    if (!isWaiting) {
      world.witness.replies.forEach((reply, index) => {
        if (reply.side !== side) return;
        const fact = this.bench.answered(reply);
        this.offer(world, side, { do: 'reply', side, index, what: reply.answer.kind }, fact, found);
      });
    }
    const isUrgent = found.length > before;
    const isEqual = this.happening.path?.isCaughtUp(world) ?? true;
    if (node.resync?.side === 'source' && !node.resync.done && isEqual && isTaking(world, side))
      found.push({ do: 'caught-up', side });
    if (isCutFrom(world, side) && isReplicating(state.mode)) found.push({ do: 'silent', side });
    return isUrgent;
  }

  protected lettersTo(world: World, side: Side, found: Choice[]): void {
    const { to, cut, at } = world.link;
    const [letter] = to[side];
    if (letter === undefined || cut[side]) return;
    if (letter.kind === 'data') {
      found.push({ do: 'deliver', side, what: letter.data.kind });
    } else if (letter.kind === 'message') {
      const choice = { do: 'deliver', side, what: letter.message.kind } as const;
      this.offer(world, side, choice, this.bench.heard(letter), found);
    } else {
      found.push({ do: 'deliver', side, what: letter.kind });
    }
    const hangsUp = letter.kind !== 'end' && to[side].some((later) => later.kind === 'end');
    if (hangsUp && at[side] !== 'none') found.push({ do: 'reset-heard', side });
  }

  /** An event, and the same with a crash between any two things that it makes the node do. */
  protected offer(
    world: World,
    side: Side,
    choice: MortalChoice,
    fact: PolarizationFact,
    found: Choice[],
  ): void {
    found.push(choice);
    if (!this.may(world, 'crash')) return;
    const settled = fact.kind === 'persisted' ? { ...world.nodes[side], persist: null } : world.nodes[side];
    const deeds = this.happening.deeds(
      { ...world, nodes: side === 0 ? [settled, world.nodes[1]] : [world.nodes[0], settled] },
      side,
      fact,
    );
    const outward = deeds.filter(leavesProcess).length;
    for (let dies = 1; dies < outward; dies += 1) found.push({ ...choice, dies });
  }

  /** Nothing is in flight; beside a target, it also has everything. */
  protected isDrained(world: World, side: Side): boolean {
    const { path } = this.happening;
    if (path !== undefined) return path.isDrained(world, side);
    const { state } = world.nodes[side];
    if (state?.gate.legs !== 'own-and-target') return true;
    const { hold } = world.copies;
    return hold[0] === hold[1];
  }

  protected asksHeard(world: World, found: Choice[]): boolean {
    const { witness } = world;
    let isUrgent = false;
    witness.asks.forEach((ask, index) => {
      const { side } = ask;
      const node = world.nodes[side];
      const what = `${names[side]}'s ${ask.request.kind}${'epoch' in ask.request ? ` ${String(ask.request.epoch)}` : ''}`;
      const isWaiting = !ask.late && !node.paused && node.up;
      if (isWaiting && witness.cut[side]) {
        found.push({ do: 'no-answer', side, index, lost: true });
        isUrgent = true;
        return;
      }
      if (witness.cut[side]) return;
      found.push({ do: 'ask-heard', index, what });
      const isClaim = ask.request.kind !== 'status';
      if (isClaim && this.may(world, 'repeat')) found.push({ do: 'ask-heard-kept', index, what });
      if (ask.late) return;
      isUrgent = true;
      if (!isWaiting || !this.may(world, 'silence')) return;
      found.push({ do: 'no-answer', side, index, lost: true });
      if (isClaim) found.push({ do: 'no-answer', side, index, lost: false });
    });
    return isUrgent;
  }

  protected mayConnect(world: World): boolean {
    const { at, cut } = world.link;
    const [a, b] = world.nodes;
    const isNeeded = at[0] === 'none' || at[1] === 'none';
    return isNeeded && a.up && b.up && !a.paused && !b.paused && !cut[0] && !cut[1];
  }

  /** Time passes when nothing waits for its turn. When something does, it is late: that is a fault, and counted. */
  protected timeGoesOn(world: World, isUrgent: boolean, found: Choice[]): void {
    const isTicking = sides.some((side) => {
      const { state, paused } = world.nodes[side];
      return state !== null && !paused && this.bench.isDue(state);
    });
    if (isTicking || this.happening.untilNextTimer(world) === undefined) return;
    if (!isUrgent) found.push({ do: 'advance' });
    else if (this.may(world, 'delay')) found.push({ do: 'delay' });
  }

  protected hostsAndStarts(world: World, found: Choice[]): void {
    for (const side of sides) {
      const node = world.nodes[side];
      if (node.state === null) {
        found.push({ do: 'start', side });
        continue;
      }
      if (node.paused) {
        found.push({ do: 'wake', side, told: true }, { do: 'wake', side, told: false });
        continue;
      }
      const isAlone = this.rules.powersOf(node.state).alone && node.draining === null;
      const peer = otherSide(side);
      const isSeen = world.copies.hold[peer] !== 'behind';
      const reaches = node.state.gate.legs === 'own-and-target' && isTaking(world, side);
      if (world.data === null && isAlone && isSeen && !reaches) found.push({ do: 'write', side });
    }
    const { cut } = world.link;
    for (const side of sides) if (cut[side]) found.push({ do: 'heal', side });
    if (cut[0] && cut[1]) found.push({ do: 'heal-both' });
    for (const side of sides) if (world.witness.cut[side]) found.push({ do: 'witness-heal', side });
    for (const side of sides) if (world.ill[side]) found.push({ do: 'well', side });
  }

  protected faultsAt(world: World, side: Side, found: Choice[]): void {
    const node = world.nodes[side];
    if (this.may(world, 'cut') && !world.link.cut[side]) found.push({ do: 'cut', side });
    if (this.may(world, 'witness-cut') && !world.witness.cut[side]) found.push({ do: 'witness-cut', side });
    const { state } = node;
    if (state === null) return;
    for (const kind of ['crash', 'power'] as const) {
      if (!this.may(world, kind)) continue;
      found.push({ do: kind, side, landed: false });
      if (node.persist !== null) found.push({ do: kind, side, landed: true });
    }
    if (node.paused) return;
    if (this.may(world, 'pause')) found.push({ do: 'pause', side });
    if (node.persist !== null && this.may(world, 'disk-error')) found.push({ do: 'disk-error', side });
    if (this.may(world, 'leg') && state.legFailure === undefined) found.push({ do: 'leg', side });
    if (this.may(world, 'health')) {
      for (const level of ['ok', 'unhealthySoft', 'unhealthyHard'] as const)
        if (state.health.level !== level) found.push({ do: 'health', side, level });
    }
    if (this.may(world, 'operator')) this.commandsTo(state.mode, side, found);
    const parts = this.bench.policy.moves?.parts;
    const isLeader = state.mode === 'mirrored' && state.gate.sequencer === names[side];
    if (parts?.plannedFailover !== undefined && isLeader && this.may(world, 'move'))
      found.push({ do: 'command', side, command: 'move' });
    if (parts?.latencyFailback !== undefined && state.mode === 'syncSource' && this.may(world, 'redirect'))
      found.push({ do: 'command', side, command: 'redirect' });
    if (parts?.swapRecovery !== undefined && !world.ill[side] && this.may(world, 'ill'))
      found.push({ do: 'ill', side });
    if (this.may(world, 'force') && ['unknown', 'suspended', 'arbitrating', 'fenced'].includes(state.mode))
      found.push({ do: 'command', side, command: 'force-survivor' });
  }

  protected commandsTo(mode: Mode, side: Side, found: Choice[]): void {
    const commands =
      mode === 'mirrored'
        ? (['handover', 'pause', 'shut-down'] as const)
        : mode === 'paused'
          ? (['resume'] as const)
          : mode === 'splitBrain'
            ? (['resolve-split-brain'] as const)
            : [];
    for (const command of commands) found.push({ do: 'command', side, command });
  }

  protected faultsBetween(world: World, found: Choice[]): void {
    const { link, witness } = world;
    if (this.may(world, 'cut') && !link.cut[0] && !link.cut[1]) found.push({ do: 'cut-both' });
    if (this.may(world, 'reset') && link.at.every((standing) => standing === 'joined'))
      found.push({ do: 'reset' });
    if (this.may(world, 'empty')) found.push({ do: 'witness-empty' });
    if (this.may(world, 'restore'))
      found.push(witness.backup === null ? { do: 'witness-backup' } : { do: 'witness-restore' });
  }
}

/** Letters of the data path wait beside everything that it does; only the policy's events go first. */
function isOfData(choice: Choice): boolean {
  return choice.do === 'deliver' && dataLetters.has(choice.what);
}

const dataLetters: ReadonlySet<string> = new Set([
  'forward',
  'replicate',
  'applied',
  'finished',
  'copy',
  'copied',
]);

function isCutFrom(world: World, side: Side): boolean {
  const { cut, at } = world.link;
  return (cut[0] || cut[1]) && at[side] === 'joined';
}

function isReplicating(mode: Mode): boolean {
  return mode === 'mirrored' || mode === 'syncSource' || mode === 'syncTarget';
}
