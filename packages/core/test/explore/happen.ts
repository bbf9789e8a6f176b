import type {
  NodeRecord,
  PolarizationFact,
  PolarizationOptions,
  PolarizationState,
} from '../../src/index.js';
import type { Choice } from './choices.js';
import { clockBase, sessionNow, units } from './clockwork.js';
import { forgetCache } from './data.js';
import { Deeds, withStanding, withWitness } from './deeds.js';
import type { Outside } from './group-parts.js';
import { once } from './policy-bench.js';
import { withCut, write } from './plain-happenings.js';
import { hear, sorted } from './witness.js';
import {
  names,
  otherSide,
  sides,
  withNode,
  withSide,
  type NodePart,
  type Side,
  type World,
} from './world.js';

/** What happens, as pure functions from world to world. */
export class Happening extends Deeds {
  private readonly starts = new Map<NodeRecord, Map<number, PolarizationState>>();

  apply(world: World, choice: Choice): World {
    return this.bench.lowerCounts(this.happen(world, choice));
  }

  private happen(world: World, choice: Choice): World {
    switch (choice.do) {
      case 'tick':
        return this.give(world, choice.side, this.bench.tick, choice.dies);
      case 'deliver':
        return this.deliver(world, choice.side, choice.dies);
      case 'reset-heard':
        return this.endHeard(world, choice.side, 'connection reset');
      case 'persisted':
        return this.persisted(world, choice.side, choice.dies);
      case 'drained':
        return this.drained(world, choice.side);
      case 'caught-up':
        return this.caughtUp(world, choice.side);
      case 'silent':
        return this.give(world, choice.side, {
          kind: 'replication-silent',
          session: sessionNow,
          silentMs: 20,
        });
      case 'reply':
        return this.reply(world, choice.side, choice.index, choice.dies);
      case 'ask-heard':
        return { ...world, witness: hear(this.witness, world.witness, choice.index, false) };
      case 'ask-heard-kept':
        return {
          ...this.spend(world, 'repeat'),
          witness: hear(this.witness, world.witness, choice.index, true),
        };
      case 'no-answer':
        return this.noAnswer(world, choice.side, choice.index, choice.lost);
      case 'connect':
        return this.connect(world);
      case 'advance':
        return this.advance(world);
      case 'delay':
        return this.advance(this.spend(world, 'delay'));
      case 'start':
        return this.start(world, choice.side);
      case 'write':
        return write(world, choice.side);
      case 'evidence':
        return this.evidence(world, choice.side);
      case 'submit':
      case 'repeat':
      case 'order':
      case 'own-leg':
      case 'send':
      case 'read':
      case 'admit':
      case 'copy':
      case 'tidy':
        return this.path?.apply(choice.do === 'repeat' ? this.spend(world, 'path') : world, choice) ?? world;
      default:
        return this.fail(world, choice);
    }
  }

  private fail(world: World, choice: Choice): World {
    const { witness } = world;
    switch (choice.do) {
      case 'crash':
        return this.crash(this.spend(world, 'crash'), choice.side, choice.landed);
      case 'power':
        return this.losePower(this.spend(world, 'power'), choice.side, choice.landed);
      case 'pause':
        return withNode(this.spend(world, 'pause'), choice.side, { paused: true });
      case 'wake': {
        const awake = withNode(world, choice.side, { paused: false });
        return choice.told ? this.give(awake, choice.side, { kind: 'clock-stalled', stalledMs: 20 }) : awake;
      }
      case 'reset':
        return sides.reduce((cut, side) => this.pushEnd(cut, side), this.spend(world, 'reset'));
      case 'cut':
        return withCut(this.spend(world, 'cut'), choice.side, true);
      case 'heal':
        return withCut(world, choice.side, false);
      case 'cut-both':
        return sides.reduce((cut, side) => withCut(cut, side, true), this.spend(world, 'cut'));
      case 'heal-both':
        return sides.reduce((cut, side) => withCut(cut, side, false), world);
      case 'witness-cut':
        return withWitness(this.spend(world, 'witness-cut'), {
          cut: withSide(witness.cut, choice.side, true),
        });
      case 'witness-heal':
        return withWitness(world, { cut: withSide(witness.cut, choice.side, false) });
      case 'witness-backup':
        return withWitness(world, { backup: { record: witness.record } });
      case 'witness-empty':
        return withWitness(this.spend(world, 'empty'), {
          record: null,
          incarnation: witness.incarnation + 1,
        });
      case 'witness-restore':
        return withWitness(this.spend(world, 'restore'), {
          record: witness.backup?.record ?? null,
          incarnation: witness.incarnation + (this.setting.trustsBackups === true ? 0 : 1),
          backup: null,
        });
      case 'disk-error':
        return this.diskError(this.spend(world, 'disk-error'), choice.side);
      case 'leg':
        return this.give(this.spend(world, 'leg'), choice.side, {
          kind: 'leg-failed',
          operation: 'write',
          detail: 'EIO',
        });
      case 'ill':
        return this.storage(this.spend(world, 'ill'), choice.side, true);
      case 'well':
        return this.storage(world, choice.side, false);
      case 'health':
        return this.give(this.spend(world, 'health'), choice.side, {
          kind: 'health-changed',
          level: choice.level,
          reasons: [],
        });
      case 'command':
        return this.command(world, choice.side, choice.command);
      default:
        throw new Error(`nobody knows how to do '${choice.do}'`);
    }
  }

  private deliver(world: World, side: Side, dies: number | undefined): World {
    const [letter, ...rest] = world.link.to[side];
    if (letter === undefined) throw new Error('there is nothing to deliver');
    if (letter.kind === 'end') return this.endHeard(world, side, 'the other side has hung up');
    const taken: World = { ...world, link: { ...world.link, to: withSide(world.link.to, side, rest) } };
    if (letter.kind === 'message') return this.give(taken, side, this.bench.heard(letter), dies);
    if (letter.kind === 'data') return this.path?.hear(taken, side, letter.data) ?? taken;
    const { state } = taken.nodes[side];
    if (state === null) throw new Error('a node that is down was connected');
    const ready = withNode(taken, side, { state: this.bench.beforeSession(state) });
    const joined = withStanding(ready, side, 'joined');
    return this.give(
      joined,
      side,
      { kind: 'peer-connected', session: sessionNow, introduction: letter.introduction },
      dies,
    );
  }

  /** The session is over for this side; what was still under way to it is lost. */
  private endHeard(world: World, side: Side, cause: string): World {
    const left = this.leave(world, side);
    return this.give(left, side, { kind: 'peer-disconnected', session: sessionNow, cause });
  }

  private connect(world: World): World {
    const [a, b] = world.nodes;
    if (a.state === null || b.state === null) throw new Error('a node that is down cannot connect');
    // A side that has not noticed the end of the old session loses it now.
    const lost = sides.reduce((next, side) => this.path?.sessionLost(next, side) ?? next, world);
    return {
      ...lost,
      link: {
        ...lost.link,
        at: ['offered', 'offered'],
        to: [[this.bench.greeting(b.state)], [this.bench.greeting(a.state)]],
      },
    };
  }

  private persisted(world: World, side: Side, dies: number | undefined): World {
    const { persist } = world.nodes[side];
    if (persist === null) throw new Error('nothing is being written');
    return this.give(this.land(world, side), side, this.bench.persisted(persist.effect), dies);
  }

  private diskError(world: World, side: Side): World {
    const { persist } = world.nodes[side];
    if (persist === null) throw new Error('nothing is being written');
    const failed = withNode(world, side, { persist: null });
    return this.give(failed, side, { kind: 'persist-failed', effect: persist.effect, detail: 'EIO' });
  }

  private drained(world: World, side: Side): World {
    const { draining } = world.nodes[side];
    if (draining === null) throw new Error('nothing is being drained');
    // Host I/O stays held until the next gate, but the wish has had its answer.
    return this.give(withNode(world, side, { draining: `${draining} done` }), side, {
      kind: 'drained',
      effect: draining,
    });
  }

  private caughtUp(world: World, side: Side): World {
    const { resync } = world.nodes[side];
    if (resync === null) throw new Error('nothing is being copied');
    const { hold } = world.copies;
    const copied: World = {
      ...withNode(world, side, { resync: { ...resync, done: true } }),
      copies: { ...world.copies, hold: withSide(hold, otherSide(side), hold[side]) },
    };
    return this.give(this.path?.caughtUp(copied, side) ?? copied, side, {
      kind: 'resync-caught-up',
      effect: resync.effect,
      movedBytes: 4096,
    });
  }

  private reply(world: World, side: Side, index: number, dies: number | undefined): World {
    const { witness } = world;
    const reply = witness.replies[index];
    if (reply === undefined) throw new Error('there is no such reply');
    const taken = withWitness(world, { replies: witness.replies.filter((_, place) => place !== index) });
    return this.give(taken, side, this.bench.answered(reply), dies);
  }

  private noAnswer(world: World, side: Side, index: number, lost: boolean): World {
    const { witness } = world;
    const ask = witness.asks[index];
    if (ask === undefined) throw new Error('there is no such request');
    const spent = witness.cut[side] ? world : this.spend(world, 'silence');
    const left = witness.asks.filter((_, place) => place !== index);
    const asks = lost ? left : sorted([...left, this.witness.ask({ ...ask, late: true })]);
    return this.give(withWitness(spent, { asks }), side, {
      kind: 'witness-answered',
      effect: ask.effect,
      answer: { kind: 'unreachable', detail: 'no answer in time' },
    });
  }

  private start(world: World, side: Side): World {
    const node = world.nodes[side];
    const lives = node.lives + 1;
    const known = once(this.starts, node.disk, () => new Map<number, PolarizationState>());
    const state = once(known, (node.boots * 64 + lives) * 2 + side, () => this.begin(node, side, lives));
    return withNode(world, side, { up: true, paused: false, lives, state });
  }

  private begin(node: NodePart, side: Side, lives: number): PolarizationState {
    const id = names[side];
    const { faultModel, timing = units, bootAlone = false } = this.setting;
    const options: PolarizationOptions = {
      groupId: 'g',
      nodeId: id,
      peerId: names[otherSide(side)],
      role: side === 0 ? 'preferred' : 'nonPreferred',
      incarnation: lives,
      bootId: `${id}${String(lives)}`,
      machineBootId: `machine-${id}-${String(node.boots)}`,
      lineageSeed: `${id}${String(lives)}`,
      faultModel,
      timing,
      bootAlone,
      record: node.disk,
      pristine: node.disk.mode === 'fresh',
    };
    return this.bench.begin(this.bench.policy.init(options, clockBase));
  }

  /** The machine forgets the latest writes, unless nobody else can have them either: what an owner lost is lost as declared. */
  private losePower(world: World, side: Side, landed: boolean): World {
    const crashed = this.crash(world, side, landed);
    const node = crashed.nodes[side];
    const off = withNode(crashed, side, { boots: node.boots + 1 });
    if (off.data !== null) {
      // What an owner had not flushed is lost as declared: whatever is left is what there is.
      const isOwner = node.disk.owner === names[side];
      return {
        ...off,
        data: { ...forgetCache(off.data, side), ...(isOwner ? { registers: [-1, -1] as const } : {}) },
      };
    }
    const { hold } = off.copies;
    const peer = otherSide(side);
    if (hold[side] !== 'all' || node.disk.owner === names[side] || hold[peer] === 'behind') return off;
    // When both have lost power since they mirrored, what either has lost may be gone.
    const after = hold[peer] === 'lost' ? (['all', 'all'] as const) : withSide(hold, side, 'lost' as const);
    return { ...off, copies: { ...off.copies, hold: after } };
  }

  private evidence(world: World, side: Side): World {
    const peer = otherSide(side);
    const id = names[peer];
    return this.give(world, side, {
      kind: 'fencing-evidence',
      evidence: {
        nodeId: id,
        bootId: `${id}${String(world.nodes[peer].lives)}`,
        strength: 'io',
        how: 'its exit was observed',
      },
    });
  }

  private command(world: World, side: Side, kind: Extract<Choice, { do: 'command' }>['command']): World {
    const { state } = world.nodes[side];
    const spent = this.spend(
      world,
      kind === 'force-survivor' ? 'force' : kind === 'move' || kind === 'redirect' ? kind : 'operator',
    );
    const give = (command: Extract<PolarizationFact, { kind: 'command' }>['command']): World =>
      this.give(spent, side, { kind: 'command', commandId: 'c', command });
    if (kind === 'force-survivor') {
      const forced = give({ kind, expectedEpoch: state?.record.epoch ?? 0, acknowledgeDataLoss: true });
      return { ...forced, copies: { ...forced.copies, forgiven: true } };
    }
    if (kind === 'move' || kind === 'redirect') return this.outside(spent, side, { kind });
    if (kind === 'reattach')
      return give({ kind, expectedEpoch: state?.record.epoch ?? 0, acknowledgeUnflushedLoss: true });
    if (kind === 'resolve-split-brain') return give({ kind, victim: names[side] });
    return give({ kind });
  }

  /** Something that fault handling alone does not know. */
  private outside(world: World, side: Side, command: Outside): World {
    const meant = command as unknown as Extract<PolarizationFact, { kind: 'command' }>['command'];
    return this.give(world, side, { kind: 'command', commandId: 'c', command: meant });
  }

  /** Both nodes hear of it, if they can hear; whoever asks later sees it as well. */
  private storage(world: World, side: Side, ill: boolean): World {
    return sides.reduce<World>(
      (next, told) =>
        next.nodes[told].state === null || next.nodes[told].paused
          ? next
          : this.outside(next, told, { kind: 'storage', side, ill }),
      { ...world, ill: withSide(world.ill, side, ill) },
    );
  }

  /** To the next timer of a node that can keep it; beside a paused node alone, by one unit. */
  private advance(world: World): World {
    const elapsedMs = this.untilNextTimer(world);
    if (elapsedMs === undefined) throw new Error('nobody waits for anything');
    const { rates = [1, 1] } = this.setting;
    let next = world;
    for (const side of sides) {
      const { state } = next.nodes[side];
      if (state === null) continue;
      // Rounded up: a timer that was waited for must be due.
      const own = Math.max(1, Math.ceil(elapsedMs * rates[side] * 10_000 - 1e-6)) / 10_000;
      next = withNode(next, side, { state: this.bench.later(state, own) });
    }
    return next;
  }

  untilNextTimer(world: World): number | undefined {
    const { rates = [1, 1] } = this.setting;
    let least: number | undefined;
    for (const side of sides) {
      const { state, paused } = world.nodes[side];
      if (state === null) continue;
      const at = paused ? undefined : this.bench.wakeAt(state);
      const wait = paused
        ? units.leaseRenewIntervalMs
        : at === undefined
          ? undefined
          : (at - clockBase) / rates[side];
      if (wait !== undefined && wait > 0 && (least === undefined || wait < least)) least = wait;
    }
    return least;
  }
}
