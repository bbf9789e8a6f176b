import type { Because, PolarizationFact, PolarizationOptions } from '../../src/index.js';
import type { Guards } from '../../../witness/src/service/guards.js';
import { sessionNow } from './clockwork.js';
import { soundRules, type DataLetter, type DataRules } from './data.js';
import type { Script } from './data-offers.js';
import { DataPath } from './data-path.js';
import type { Sight } from './group-parts.js';
import type { FaultBook, FaultKind } from './faults.js';
import type { Deed, PolicyBench } from './policy-bench.js';
import { askedBits, orphan, sorted, WitnessBench } from './witness.js';
import {
  names,
  otherSide,
  withNode,
  withSide,
  type Letter,
  type Side,
  type Standing,
  type WitnessPart,
  type World,
} from './world.js';

export interface Setting {
  readonly faultModel: PolarizationOptions['faultModel'];
  readonly timing?: PolarizationOptions['timing'];
  readonly bootAlone?: boolean;
  /** Rates of the two clocks against true time. */
  readonly rates?: readonly [number, number];
  /** A disk that reports a record durable before it is. */
  readonly lyingDisk?: boolean;
  /** A witness without one of its guards. */
  readonly guards?: Guards;
  /** What hosts write: with it, the data path is modelled in detail. */
  readonly script?: Script;
  /** A data path without one of its rules. */
  readonly rules?: DataRules;
  /** A witness that takes a backup of its memory for the memory itself. */
  readonly trustsBackups?: boolean;
}

const reach = {
  persist: true,
  send: true,
  'ask-witness': true,
  'set-gate': false,
  drain: false,
  'start-resync': false,
  'stop-resync': false,
  'drop-session': false,
} satisfies Record<Deed['kind'], boolean>;

/** Deeds that leave the process: a crash may fall between any two of them. */
export const leavesProcess = (deed: Deed): boolean => reach[deed.kind];

/** What a node does once its policy has wished it, and what is left of it when it ends. */
export class Deeds {
  readonly path: DataPath | undefined;

  protected readonly witness: WitnessBench;
  private listener: ((because: Because) => void) | undefined;

  constructor(
    readonly bench: PolicyBench,
    readonly setting: Setting,
    readonly book: FaultBook,
    mayRead: (world: World, side: Side) => boolean,
  ) {
    const { script, rules = soundRules } = setting;
    if (script !== undefined) {
      const send = (world: World, to: Side, data: DataLetter): World =>
        world.link.at[otherSide(to)] === 'joined'
          ? push(world, to, bench.pieces.same<Letter>({ kind: 'data', data }))
          : world;
      this.path = new DataPath(rules, script, send, mayRead);
    }
    this.witness = new WitnessBench(bench.pieces, setting.guards);
  }

  /** Hears every reason that a node reports from now on; undefined: nobody does. */
  listen(listener: ((because: Because) => void) | undefined): void {
    this.listener = listener;
  }

  spend(world: World, kind: FaultKind): World {
    return { ...world, faults: this.book.spend(world.faults, kind) };
  }

  /** What the event makes the policy wish, without doing any of it. */
  deeds(world: World, side: Side, fact: PolarizationFact): readonly Deed[] {
    const { bench } = this;
    const asked = askedBits(world.witness, side, (effect) => bench.bit(effect));
    return bench.step(bench.seeing(world.nodes[side], sightOf(world, side)), fact, asked).deeds;
  }

  give(world: World, side: Side, fact: PolarizationFact, dies?: number): World {
    const { bench } = this;
    const node = world.nodes[side];
    const asked = askedBits(world.witness, side, (effect) => bench.bit(effect));
    const { state, deeds, said } = bench.step(bench.seeing(node, sightOf(world, side)), fact, asked);
    for (const because of said) this.listener?.(because);
    let next: World = { ...world, nodes: withSide(world.nodes, side, { ...node, state }) };
    let left = 0;
    for (const deed of deeds) {
      if (dies !== undefined && leavesProcess(deed)) {
        if (left === dies) return this.crash(this.spend(next, 'crash'), side, false);
        left += 1;
      }
      next = this.carryOut(next, side, deed);
    }
    return next;
  }

  protected carryOut(world: World, side: Side, deed: Deed): World {
    const node = world.nodes[side];
    switch (deed.kind) {
      case 'persist': {
        if (node.persist !== null) throw new Error(`${names[side]} writes two records at once`);
        const record = this.bench.pieces.same(deed.record);
        return withNode(world, side, { persist: { effect: deed.id, record } });
      }
      case 'send': {
        const { link } = world;
        if (link.at[side] !== 'joined' || deed.session !== sessionNow) return world;
        return push(world, otherSide(side), this.bench.letter(deed));
      }
      case 'ask-witness': {
        const ask = this.witness.asked(deed, side, node.lives, world.witness);
        return withWitness(world, { asks: sorted([...world.witness.asks, ask]) });
      }
      case 'drain':
        return withNode(world, side, { draining: deed.id });
      case 'set-gate':
        return this.gateSet(node.draining === null ? world : withNode(world, side, { draining: null }), side);
      case 'start-resync':
        return this.startResync(world, side, deed);
      case 'stop-resync':
        return withNode(world, side, { resync: null });
      case 'drop-session':
        return deed.session === sessionNow ? this.leave(world, side) : world;
    }
  }

  protected gateSet(world: World, side: Side): World {
    return this.path?.gateSet(world, side) ?? world;
  }

  protected startResync(world: World, side: Side, deed: Extract<Deed, { kind: 'start-resync' }>): World {
    const started = withNode(world, side, { resync: { effect: deed.id, side: deed.side, done: false } });
    return deed.side === 'source' ? (this.path?.startResync(started, side, deed.full) ?? started) : started;
  }

  protected leave(world: World, side: Side): World {
    if (world.link.at[side] === 'none') return world;
    const gone = withStanding(world, side, 'none');
    const emptied: World = { ...gone, link: { ...gone.link, to: withSide(gone.link.to, side, []) } };
    const lost = this.path?.sessionLost(emptied, side) ?? emptied;
    return this.pushEnd(lost, otherSide(side));
  }

  protected pushEnd(world: World, side: Side): World {
    if (world.link.at[side] === 'none' || world.link.to[side].some((letter) => letter.kind === 'end'))
      return world;
    return push(world, side, this.bench.pieces.same<Letter>({ kind: 'end' }));
  }

  crash(world: World, side: Side, landed: boolean): World {
    const settled = landed ? this.land(world, side) : world;
    const { disk, older } = settled.nodes[side];
    const down = withNode(settled, side, {
      disk: older ?? disk,
      older: null,
      up: false,
      paused: false,
      state: null,
      persist: null,
      draining: null,
      resync: null,
    });
    const left = this.leave({ ...down, witness: orphan(this.witness, down.witness, side) }, side);
    return this.path?.crashed(left, side) ?? left;
  }

  protected land(world: World, side: Side): World {
    const { persist, disk } = world.nodes[side];
    if (persist === null) return world;
    const { record } = persist;
    if (record.epoch < disk.epoch)
      throw new Error(
        `${names[side]}: epoch ${String(disk.epoch)} on the disk, then ${String(record.epoch)}`,
      );
    const older = this.setting.lyingDisk === true ? disk : null;
    return withNode(world, side, { disk: record, older, persist: null });
  }
}

function sightOf({ witness, ill }: World, side: Side): Sight {
  return { hearsWitness: !witness.cut[side], ill };
}

export function push(world: World, side: Side, letter: Letter): World {
  const { link } = world;
  if (link.at[side] === 'none') return world;
  return { ...world, link: { ...link, to: withSide(link.to, side, [...link.to[side], letter]) } };
}

export function withStanding(world: World, side: Side, standing: Standing): World {
  return { ...world, link: { ...world.link, at: withSide(world.link.at, side, standing) } };
}

export function withWitness(world: World, change: Partial<WitnessPart>): World {
  return { ...world, witness: { ...world.witness, ...change } };
}
