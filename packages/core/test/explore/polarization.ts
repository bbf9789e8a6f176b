import type { CalmSchedule, ExplorableSystem, KeyReader, KeyWriter, Landmark } from '@holdfast/testkit';
import { freshRecord, introduce, reconcile, type Because, type Mode } from '../../src/index.js';
import { describe, labelOf, type Choice } from './choices.js';
import { hasElected, hasSwapped } from './landmarks.js';
import { Offers, type Scene } from './offers.js';
import { freshWitness } from './witness.js';
import { readWorld, writeWorld } from './world-codec.js';
import { names, otherSide, sides, type NodePart, type Side, type World } from './world.js';

/** Two real policies, the real decision of the witness, and everything that may happen to them. */
export class PolarizationSystem extends Offers implements ExplorableSystem<World, Choice> {
  readonly name: string;
  readonly limits: readonly string[];
  readonly invariants: ExplorableSystem<World, Choice>['invariants'];
  readonly landmarks: readonly Landmark<World>[];
  readonly describe = describe;
  readonly label = labelOf;
  private begin: readonly World[] | undefined;

  constructor(scene: Scene) {
    super(scene);
    this.name = scene.name;
    this.limits = [
      ...this.book.describe(),
      ...(scene.repairs === 'anytime'
        ? []
        : ['repairs and writes only when nothing else waits for its turn']),
      ...(scene.order === 'any'
        ? []
        : ['after the last fault one order of events that nobody can tell apart']),
    ];
    this.invariants = this.rules.all;
    this.landmarks = scene.landmarks ?? [];
  }

  readonly codec = {
    write: (world: World, key: KeyWriter): void => writeWorld(this.bench.pieces, world, key),
    read: (key: KeyReader): World => readWorld(this.bench.pieces, key),
  };

  initial(): readonly World[] {
    this.begin ??= [this.beginning()];
    return this.begin;
  }

  private beginning(): World {
    const fresh = this.fresh();
    const { from = 'mirror' } = this.scene;
    if (from === 'fresh') return fresh;
    const isElected = this.scene.setting?.faultModel?.kind === 'preElected';
    const mirror = this.follow(
      fresh,
      (world) => this.isMirrored(world) && (isElected || world.witness.record?.state === 'REGISTERED'),
    );
    if (from === 'mirror') return mirror;
    if (from === 'swapped')
      return this.follow(this.after(mirror, { do: 'ill', side: 0 }), hasSwapped.isReached, false);
    if (from === 'elected') {
      const away = sides.reduce((next, side) => this.after(next, { do: 'witness-cut', side }), mirror);
      return this.follow(away, hasElected.isReached, false);
    }
    const [lost, left] = from === 'homecoming' ? ([0, 1] as const) : ([1, 0] as const);
    const isIn = (mode: Mode) => (world: World) => world.nodes[left].state?.mode === mode;
    const crashed = this.after(mirror, { do: 'crash', side: lost, landed: false });
    const alone = this.follow(crashed, isIn('standalone'), false);
    return from === 'alone' ? alone : this.follow(alone, isIn('syncSource'));
  }

  /** Something that has happened before the scene begins, and is not counted. */
  private after(world: World, choice: Choice): World {
    return { ...this.apply(world, choice), faults: this.book.empty };
  }

  /** What a node says when the choice happens to it: the reasons of its reports. */
  reasons(world: World, choice: Choice): readonly Because[] {
    const said: Because[] = [];
    this.happening.listen((because) => said.push(because));
    try {
      this.apply(world, choice);
    } finally {
      this.happening.listen(undefined);
    }
    return said;
  }

  /** The calm schedule until something holds; with `repairs` off, nobody is started or healed. */
  private follow(start: World, holds: (world: World) => boolean, repairs = true): World {
    let world = start;
    for (let steps = 0; steps < 1_000 && !holds(world); steps += 1) {
      const choice = this.calmStep(world, repairs);
      if (choice === undefined) break;
      world = this.apply(world, choice);
    }
    if (!holds(world)) throw new Error(`${this.name} cannot begin`);
    return world;
  }

  private fresh(): World {
    const node = (side: Side): NodePart => ({
      up: false,
      paused: false,
      lives: 0,
      boots: 1,
      disk: freshRecord({
        groupId: 'g',
        nodeId: names[side],
        peerId: names[otherSide(side)],
        role: side === 0 ? 'preferred' : 'nonPreferred',
        machineBootId: `machine-${names[side]}-1`,
      }),
      older: null,
      state: null,
      persist: null,
      draining: null,
      resync: null,
    });
    return {
      nodes: [node(0), node(1)],
      link: { at: ['none', 'none'], to: [[], []], cut: [false, false] },
      witness: freshWitness,
      copies: { hold: ['all', 'all'], forgiven: false },
      ill: [false, false],
      data: this.happening.path?.fresh() ?? null,
      faults: this.book.empty,
    };
  }

  readonly calm: CalmSchedule<World, Choice> = {
    name: 'when nothing more goes wrong, both mirror again',
    stepsMax: 1_500,
    isGood: (world) => this.isGood(world),
    choose: (world) => this.calmStep(world),
  };

  private isMirrored(world: World): boolean {
    const isJoined = world.link.at.every((standing) => standing === 'joined');
    // A handover that is under way is about to leave the mirror, and a planned failover to change it.
    return (
      isJoined && world.nodes.every(({ state }) => state?.mode === 'mirrored' && this.bench.isIdle(state))
    );
  }

  private isGood(world: World): boolean {
    const [a, b] = world.nodes;
    if (a.state === null || b.state === null) return false;
    const modes = [a.state.mode, b.state.mode];
    if (this.isMirrored(world)) return true;
    if (modes.includes('splitBrain')) return world.copies.forgiven;
    const { leg = 0, power = 0 } = this.scene.limits;
    return leg + power > 0 && isDeadEnd(world);
  }

  /** Everything heals at once, then whatever is first in line happens, and time goes on when nothing is. */
  private calmStep(world: World, repairs = true): Choice | undefined {
    const { link, witness, nodes, ill } = world;
    for (const side of repairs ? sides : []) {
      const { state, paused } = nodes[side];
      if (ill[side]) return { do: 'well', side };
      if (link.cut[side]) return { do: 'heal', side };
      if (witness.cut[side]) return { do: 'witness-heal', side };
      if (paused) return { do: 'wake', side, told: false };
      if (state === null) return { do: 'start', side };
      if (state.legFailure !== undefined || state.stopped) return { do: 'crash', side, landed: true };
      if (state.health.level !== 'ok') return { do: 'health', side, level: 'ok' };
      if (state.mode === 'paused' && state.record.owner === names[side] && state.saving === undefined)
        return { do: 'command', side, command: 'resume' };
    }
    const found: Choice[] = [];
    let isUrgent = false;
    for (const side of sides) if (this.eventsAt(world, side, found)) isUrgent = true;
    if (this.asksHeard(world, found)) isUrgent = true;
    const orderly = found.find(
      (choice) => !('dies' in choice) && (choice.do !== 'no-answer' || witness.cut[choice.side]),
    );
    if (orderly !== undefined) return orderly;
    const ongoing = this.happening.path?.choices(world, false).find((choice) => calmData.has(choice.do));
    if (ongoing !== undefined) return ongoing;
    if (repairs && this.mayConnect(world)) return { do: 'connect' };
    return isUrgent ? undefined : { do: 'advance' };
  }
}

/** What a data path does by itself, without a host that asks for it. */
const calmData: ReadonlySet<Choice['do']> = new Set(['order', 'own-leg', 'send', 'copy']);

/**
 * No copy may stand in for the other one without an operator, and both say so: an end that a machine's lost power or a failed leg may lead
 * to, and nothing less.
 */
function isDeadEnd(world: World): boolean {
  const [a, b] = world.nodes;
  if (a.state === null || b.state === null) return false;
  const isJoined = world.link.at.every((standing) => standing === 'joined');
  return isJoined && reconcile(introduce(a.state), introduce(b.state)).kind === 'nobody';
}
