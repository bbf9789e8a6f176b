import type { PolarizationState } from '../../src/index.js';
import {
  forget,
  freshData,
  maskOf,
  unsend,
  withData,
  withMask,
  withValue,
  type Block,
  type DataLetter,
  type DataPart,
  type DataRules,
  type Job,
} from './data.js';
import { DataOffers, type DataChoice, type Script } from './data-offers.js';
import { Register } from './register.js';
import { names, otherSide, withSide, type Side, type World } from './world.js';

export type Send = (world: World, to: Side, letter: DataLetter) => World;

/** What the data path does between two words of the policy, by its rules. Without memory of its own: everything is in the world. */
export class DataPath extends DataOffers {
  constructor(
    rules: DataRules,
    script: Script,
    private readonly send: Send,
    mayRead: (world: World, side: Side) => boolean,
  ) {
    super(rules, script, mayRead);
  }

  fresh(): DataPart {
    return freshData(this.script.length);
  }

  apply(world: World, choice: DataChoice): World {
    const { data } = world;
    if (data === null) throw new Error('this scene has no data path');
    switch (choice.do) {
      case 'submit':
      case 'repeat':
        return this.arrive(world, data, choice.side, choice.write, choice.do === 'repeat' ? 1 : 0);
      case 'order':
        return this.order(world, data, choice.side, choice.write, choice.generation);
      case 'own-leg':
        return this.ownLeg(world, data, choice.side, choice.write, choice.generation);
      case 'send':
        return this.replicate(world, data, choice.side, choice.write, choice.generation);
      case 'read':
        return this.read(world, data, choice.side, choice.block);
      case 'admit': {
        const admitted = withMask(
          data.admitted,
          choice.side,
          data.admitted[choice.side] | maskOf(choice.block),
        );
        return withData(world, { admitted });
      }
      case 'copy':
        return this.copy(world, data, choice.side, choice.block);
      case 'tidy':
        return withData(world, {
          log: withMask(
            data.log,
            choice.side,
            data.log[choice.side] & ~this.logToLetGo(world, data, choice.side),
          ),
          saved: withMask(data.saved, choice.side, data.dirty[choice.side]),
        });
    }
  }

  private arrive(world: World, data: DataPart, side: Side, write: number, generation: number): World {
    const writes = data.writes.map((one, index) =>
      index === write - 1 ? ({ state: 'under-way', via: side, generation } as const) : one,
    );
    const job: Job = { write, generation, origin: side, phase: 'queued', own: false, peer: 'unsent' };
    return withData(world, { writes, jobs: withSide(data.jobs, side, [...data.jobs[side], job]) });
  }

  /** In one turn: generation and number are looked at, the range is taken, the log has the block. */
  private order(world: World, data: DataPart, side: Side, write: number, generation: number): World {
    const { state } = world.nodes[side];
    const job = find(data, side, write, generation);
    if (state === null || job === undefined) throw new Error('there is nothing to order');
    if (!this.isSequencer(state, side)) {
      const forwarded = withJob(world, side, job, { ...job, phase: 'forwarded' });
      return this.send(forwarded, otherSide(side), { kind: 'forward', write, generation });
    }
    const mask = maskOf(write);
    const isLeft = this.rules.knowsGenerations && generation === 0 && (data.raised[side] & mask) !== 0;
    if (isLeft) return withoutJob(world, side, job);
    const raised = generation === 0 ? data.raised : withMask(data.raised, side, data.raised[side] | mask);
    const known = withData(world, { raised });
    if (this.rules.knowsDone && (data.done[side] & mask) !== 0)
      return this.answer(withoutJob(known, side, job), side, job);
    const logged = this.rules.logFirst
      ? withData(known, { log: withMask(data.log, side, data.log[side] | maskOf(this.blockOf(write))) })
      : known;
    return withJob(logged, side, job, { ...job, phase: 'ordered' });
  }

  private ownLeg(world: World, data: DataPart, side: Side, write: number, generation: number): World {
    const job = find(data, side, write, generation);
    if (job === undefined) throw new Error('there is no such write');
    const legs = withSide(data.legs, side, withValue(data.legs[side], this.blockOf(write), write));
    const written = withJob(withData(world, { legs }), side, job, { ...job, own: true });
    return this.finish(written, side);
  }

  private replicate(world: World, data: DataPart, side: Side, write: number, generation: number): World {
    const job = find(data, side, write, generation);
    const { state } = world.nodes[side];
    if (job === undefined || state === null) throw new Error('there is no such write');
    const { epoch, lineageId } = state.gate;
    const sent = withJob(world, side, job, { ...job, peer: 'sent' });
    return this.send(sent, otherSide(side), { kind: 'replicate', write, generation, epoch, lineageId });
  }

  private read(world: World, data: DataPart, side: Side, block: Block): World {
    const left = this.afterRead(data, side, block);
    if (left === 0)
      throw new Error(
        `node ${names[side]} answers a read of block ${String(block)} with ${String(data.legs[side].cache[block])}, which it cannot be any more`,
      );
    const registers =
      block === 0 ? ([left, data.registers[1]] as const) : ([data.registers[0], left] as const);
    const admitted = withMask(data.admitted, side, data.admitted[side] & ~maskOf(block));
    return withData(world, { registers, admitted });
  }

  private copy(world: World, data: DataPart, side: Side, block: Block): World {
    const mask = maskOf(block);
    const early = this.rules.clearedByAnswer
      ? {}
      : { todo: data.todo & ~mask, dirty: withMask(data.dirty, side, data.dirty[side] & ~mask) };
    const sent = withData(world, { copying: data.copying | mask, ...early });
    return this.send(sent, otherSide(side), { kind: 'copy', block, value: data.legs[side].cache[block] });
  }

  /** A letter of the data path has arrived. */
  hear(world: World, side: Side, letter: DataLetter): World {
    const { data } = world;
    const { state } = world.nodes[side];
    if (data === null || state === null) return world;
    switch (letter.kind) {
      case 'forward': {
        const { write, generation } = letter;
        if (state.gate.host !== 'open' || find(data, side, write, generation) !== undefined) return world;
        const job: Job = {
          write,
          generation,
          origin: otherSide(side),
          phase: 'queued',
          own: false,
          peer: 'unsent',
        };
        return withData(world, { jobs: withSide(data.jobs, side, [...data.jobs[side], job]) });
      }
      case 'replicate':
        return this.applyReplicated(world, data, state, side, letter);
      case 'applied': {
        const job = data.jobs[side].find((one) => one.write === letter.write && one.phase === 'ordered');
        return job === undefined
          ? world
          : this.finish(withJob(world, side, job, { ...job, peer: 'applied' }), side);
      }
      case 'finished': {
        const job = find(data, side, letter.write, letter.generation);
        return job === undefined
          ? world
          : this.answer(withoutJob(world, side, job), side, { ...job, origin: side });
      }
      case 'copy': {
        if (state.gate.mode !== 'syncTarget') return world;
        const legs = withSide(data.legs, side, withValue(data.legs[side], letter.block, letter.value));
        return this.send(withData(world, { legs }), otherSide(side), { kind: 'copied', block: letter.block });
      }
      case 'copied': {
        const mask = maskOf(letter.block);
        return withData(world, {
          todo: data.todo & ~mask,
          copying: data.copying & ~mask,
          dirty: withMask(data.dirty, side, data.dirty[side] & ~mask),
        });
      }
    }
  }

  private applyReplicated(
    world: World,
    data: DataPart,
    state: PolarizationState,
    side: Side,
    letter: Extract<DataLetter, { kind: 'replicate' }>,
  ): World {
    const { gate, record } = state;
    const isMirroring = state.mode === 'mirrored' && gate.mode === 'mirrored';
    const isTarget = state.mode === 'syncTarget';
    const isSame = record.epoch === letter.epoch && record.lineageId === letter.lineageId;
    if (this.rules.sameEpoch && !(isSame && (isMirroring || isTarget))) return world;
    const { write, generation } = letter;
    const block = this.blockOf(write);
    const mask = maskOf(write);
    const applied = withData(world, {
      legs: withSide(data.legs, side, withValue(data.legs[side], block, write)),
      log: this.rules.logFirst ? withMask(data.log, side, data.log[side] | maskOf(block)) : data.log,
      done: withMask(data.done, side, data.done[side] | mask),
      raised: generation === 0 ? data.raised : withMask(data.raised, side, data.raised[side] | mask),
    });
    return this.send(applied, otherSide(side), { kind: 'applied', write });
  }

  /** Every write of this node that has all it needs is answered. Called whenever something has changed that a write may wait for. */
  finish(world: World, side: Side): World {
    let next = world;
    for (const job of world.data?.jobs[side] ?? []) {
      if (next.data === null || job.phase !== 'ordered' || !job.own) continue;
      const { state } = next.nodes[side];
      if (state === null) continue;
      const mask = maskOf(this.blockOf(job.write));
      const isAlone =
        state.gate.host === 'open' && (state.gate.legs === 'own' || state.gate.legs === 'own-and-target');
      const has = job.peer === 'applied' || !this.needsPeer(next, state, side);
      if (state.gate.host !== 'open' || !has) continue;
      if (isAlone && job.peer !== 'applied' && this.rules.marked) {
        const isListed = next.nodes[side].resync?.side === 'source' && this.rules.targetWaitedFor;
        next = withData(next, {
          dirty: withMask(next.data.dirty, side, next.data.dirty[side] | mask),
          ...(isListed ? { todo: next.data.todo | mask } : {}),
        });
      }
      next = this.answer(withoutJob(next, side, job), side, job);
    }
    return next;
  }

  private needsPeer(world: World, state: PolarizationState, side: Side): boolean {
    if (state.gate.legs === 'both') return this.rules.bothLegs;
    return (
      state.gate.legs === 'own-and-target' && this.rules.targetWaitedFor && world.link.at[side] === 'joined'
    );
  }

  /** The write is done here: its number is known, and its host hears of it, directly or through the other node. */
  private answer(world: World, side: Side, job: Job): World {
    const { data } = world;
    if (data === null) return world;
    const { write, generation } = job;
    const known = withData(world, { done: withMask(data.done, side, data.done[side] | maskOf(write)) });
    if (job.origin !== side) return this.send(known, job.origin, { kind: 'finished', write, generation });
    const host = data.writes[write - 1];
    // The host has left the path that this answer comes by.
    if (host?.state !== 'under-way' || host.generation !== generation) return known;
    const block = this.blockOf(write);
    const left = Register.acknowledged(data.registers[block], write, this.underWay(data, block));
    if (left === 0) throw new Error(`write ${String(write)} is acknowledged and cannot have taken effect`);
    return withData(known, {
      writes: data.writes.map((one, index) =>
        index === write - 1 ? { ...one, state: 'acknowledged' as const } : one,
      ),
      registers: block === 0 ? [left, data.registers[1]] : [data.registers[0], left],
    });
  }

  /** The policy has set another gate. */
  gateSet(world: World, side: Side): World {
    const { data } = world;
    const { state } = world.nodes[side];
    if (data === null || state === null) return world;
    if (state.gate.host === 'closed' && this.rules.dropsWhenClosed)
      return withData(world, { jobs: withSide(data.jobs, side, []) });
    return this.finish(world, side);
  }

  /** A resync begins: what may differ, by both logs and the winner's map. */
  startResync(world: World, side: Side, full: boolean): World {
    const { data } = world;
    if (data === null) return world;
    const { bothLogs, mapTaken } = this.rules;
    const logs = data.log[side] | (bothLogs ? data.log[otherSide(side)] | data.saved[otherSide(side)] : 0);
    const map = mapTaken ? data.dirty[side] | data.saved[side] : 0;
    return withData(world, { todo: full ? maskOf(0) | maskOf(1) : logs | map, copying: 0 });
  }

  /** Everything was equal once: the target's leg is flushed and it knows what was done. */
  caughtUp(world: World, side: Side): World {
    const { data } = world;
    if (data === null) return world;
    const peer = otherSide(side);
    const legs = data.legs.map((leg) => ({ ...leg, disk: leg.cache }));
    return withData(world, {
      legs: [legs[0] ?? data.legs[0], legs[1] ?? data.legs[1]],
      done: this.rules.doneTravels ? withMask(data.done, peer, data.done[peer] | data.done[side]) : data.done,
      saved: [0, 0],
      dirty: [0, 0],
    });
  }

  isCaughtUp(world: World): boolean {
    return world.data === null || (world.data.todo === 0 && world.data.copying === 0);
  }

  /** Nothing is in flight at that node; beside a target, it has everything. */
  isDrained(world: World, side: Side): boolean {
    const { data } = world;
    if (data === null || !this.rules.drainWaits) return true;
    const isBusy = data.jobs[side].some((job) => job.phase === 'ordered');
    const isSource = world.nodes[side].state?.gate.legs === 'own-and-target';
    return !isBusy && (!isSource || (data.todo | data.copying | data.dirty[side]) === 0);
  }

  crashed(world: World, side: Side): World {
    return world.data === null ? world : { ...world, data: forget(world.data, side) };
  }

  sessionLost(world: World, side: Side): World {
    const { data } = world;
    return data === null ? world : this.finish({ ...world, data: unsend(data, side) }, side);
  }
}

function find(data: DataPart, side: Side, write: number, generation: number): Job | undefined {
  return data.jobs[side].find((job) => job.write === write && job.generation === generation);
}

function withJob(world: World, side: Side, before: Job, after: Job): World {
  const { data } = world;
  if (data === null) return world;
  const jobs = data.jobs[side].map((job) => (job === before ? after : job));
  return withData(world, { jobs: withSide(data.jobs, side, jobs) });
}

function withoutJob(world: World, side: Side, gone: Job): World {
  const { data } = world;
  if (data === null) return world;
  return withData(world, {
    jobs: withSide(
      data.jobs,
      side,
      data.jobs[side].filter((job) => job !== gone),
    ),
  });
}
