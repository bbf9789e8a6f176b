import {
  freshMediatorFallbackRecord,
  mediatorFallback,
  mediatorFallbackTiming,
  type FallbackChoice,
  type FaultPartition,
  type MediationAnswer,
  type MediatorFallbackEffect,
  type MediatorFallbackFact,
  type MediatorFallbackMessage,
  type MediatorFallbackRecord,
  type MediatorFallbackState,
  type MediatorFallbackTiming,
  type MemberFacts,
} from '../../src/index.js';

/*
 * Members, the links between them, their disks and some mediators, as a value: every change makes a new world. The explorer and the
 * stories both play with it.
 */

export interface Member {
  readonly up: boolean;
  readonly at: number;
  readonly incarnation: number;
  readonly state: MediatorFallbackState;
  readonly disk: MediatorFallbackRecord;
  readonly tasks: readonly MediatorFallbackEffect[];
  /** What hosts get: `mirrored` with all others that take part, `alone` with its side, or nothing. */
  readonly serves: 'mirrored' | 'alone' | 'nothing';
}

export interface Mediator {
  readonly up: boolean;
  readonly generation: number;
  readonly members: readonly string[];
}

export interface Packet {
  readonly from: string;
  readonly to: string;
  readonly message: MediatorFallbackMessage;
}

export interface World {
  readonly members: Readonly<Record<string, Member>>;
  readonly mediators: Readonly<Record<string, Mediator>>;
  /** Pairs that cannot reach each other, as `a b` or `a m1`. */
  readonly cuts: readonly string[];
  readonly packets: readonly Packet[];
}

export interface WorldSetting {
  readonly policy: typeof mediatorFallback;
  readonly timing: MediatorFallbackTiming;
  readonly names: readonly string[];
  readonly mediators: readonly string[];
  readonly preference?: string;
  readonly fallback?: FallbackChoice;
  readonly log?: (line: string) => void;
}

export const playing: WorldSetting = {
  policy: mediatorFallback,
  timing: mediatorFallbackTiming,
  names: ['a', 'b'],
  mediators: ['m1'],
  preference: 'a',
};

export const wellFacts: MemberFacts = {
  upToDate: true,
  healthy: true,
  hostPaths: 4,
  hostIops: 1_000,
  hostLatencyMs: 1,
  hardwareRank: 1,
};

export class Play {
  constructor(
    public world: World,
    readonly setting: WorldSetting,
  ) {}

  member(id: string): Member {
    const member = this.world.members[id];
    if (member === undefined) throw new TypeError(`there is no member ${id}`);
    return member;
  }

  set(change: Partial<World>): void {
    this.world = { ...this.world, ...change };
  }

  setMember(id: string, change: Partial<Member>): void {
    this.set({ members: { ...this.world.members, [id]: { ...this.member(id), ...change } } });
  }

  reaches(one: string, two: string): boolean {
    return !this.world.cuts.includes(`${one} ${two}`) && !this.world.cuts.includes(`${two} ${one}`);
  }

  dispatch(id: string, fact: MediatorFallbackFact): void {
    const member = this.member(id);
    if (!member.up) return;
    const event = { ...fact, at: member.at, sequence: freeSequence(member) };
    const { state, effects } = this.setting.policy.step(member.state, event);
    this.setMember(id, { state });
    for (const effect of effects) this.carryOut(id, effect);
  }

  private carryOut(id: string, effect: MediatorFallbackEffect): void {
    const line = lineOf(id, effect);
    if (line !== undefined) this.setting.log?.(line);
    switch (effect.kind) {
      case 'send':
        if (this.reaches(id, effect.to) && this.member(effect.to).up)
          this.set({
            packets: [...this.world.packets, { from: id, to: effect.to, message: effect.message }],
          });
        return;
      case 'persist':
      case 'probe':
      case 'mediate':
      case 'enrol':
        this.setMember(id, { tasks: [...this.member(id).tasks, effect] });
        return;
      case 'survive':
        this.setMember(id, { serves: 'alone' });
        return;
      case 'stay-offline':
        this.setMember(id, { serves: 'nothing' });
        return;
      case 'resume':
      case 'readmitted':
        this.setMember(id, { serves: 'mirrored' });
        return;
      default:
        return;
    }
  }

  take(id: string, index: number): MediatorFallbackEffect {
    const { tasks } = this.member(id);
    const task = tasks[index];
    if (task === undefined) throw new TypeError(`member ${id} waits for nothing`);
    this.setMember(id, { tasks: tasks.filter((one) => one !== task) });
    return task;
  }

  finish(id: string, task: MediatorFallbackEffect): void {
    const effect = task.id;
    if (task.kind === 'persist') {
      this.setMember(id, { disk: task.record });
      this.dispatch(id, { kind: 'persisted', effect });
    } else if (task.kind === 'probe') {
      const isThere = this.isThere(id, task.mediator);
      const answer = isThere
        ? ({ kind: 'ok', rttMs: 5 } as const)
        : ({ kind: 'failed', detail: 'no route' } as const);
      this.dispatch(id, { kind: 'probed', effect, answer });
    } else if (task.kind === 'mediate' || task.kind === 'enrol') {
      const { mediator } = task;
      const answer = !this.isThere(id, mediator)
        ? ({ kind: 'unknown', detail: 'no route' } as const)
        : task.kind === 'mediate'
          ? this.swap(mediator, task.from, task.to)
          : this.enrol(mediator, task.partition);
      this.dispatch(id, { kind: 'mediated', effect, answer });
    }
  }

  private isThere(id: string, mediator: string): boolean {
    return this.world.mediators[mediator]?.up === true && this.reaches(id, mediator);
  }

  private keep(id: string, change: Partial<Mediator>): void {
    const mediator = this.world.mediators[id];
    if (mediator !== undefined)
      this.set({ mediators: { ...this.world.mediators, [id]: { ...mediator, ...change } } });
  }

  swap(id: string, from: number, to: FaultPartition): MediationAnswer {
    const known = this.world.mediators[id];
    if (known === undefined) return { kind: 'unknown', detail: 'no such mediator' };
    const isDone = known.generation === to.generation && known.members.join() === to.members.join();
    if (!isDone && known.generation !== from)
      return { kind: 'denied', generation: known.generation, members: known.members };
    this.keep(id, to);
    return { kind: 'granted' };
  }

  private enrol(id: string, partition: FaultPartition): MediationAnswer {
    const known = this.world.mediators[id];
    if (known === undefined) return { kind: 'unknown', detail: 'no such mediator' };
    const isSame =
      known.generation === partition.generation && known.members.join() === partition.members.join();
    if (!isSame && known.generation >= partition.generation)
      return { kind: 'denied', generation: known.generation };
    this.keep(id, partition);
    return { kind: 'granted' };
  }

  begin(id: string, incarnation: number, disk: MediatorFallbackRecord, at: number): void {
    const { setting } = this;
    const state = setting.policy.init(
      {
        groupId: 'g',
        nodeId: id,
        incarnation,
        members: setting.names,
        mediators: setting.mediators,
        timing: setting.timing,
        record: disk,
        ...(setting.preference === undefined ? {} : { preference: setting.preference }),
        ...(setting.fallback === undefined ? {} : { fallback: setting.fallback }),
      },
      at,
    );
    const member = { up: true, at, incarnation, state, disk, tasks: [], serves: 'nothing' } as const;
    this.set({ members: { ...this.world.members, [id]: member } });
    this.dispatch(id, { kind: 'facts-changed', facts: wellFacts });
  }

  setMediator(id: string, change: Partial<Mediator>): void {
    this.keep(id, change);
  }
}

/** A group that mirrors, before anything has happened. */
export function newPlay(setting: WorldSetting): Play {
  const mediators = Object.fromEntries(
    setting.mediators.map((id) => [id, { up: true, generation: 0, members: [] }]),
  );
  const play = new Play(
    { members: {}, mediators, cuts: [], packets: [] },
    { ...setting, log: () => undefined },
  );
  for (const id of setting.names) {
    const [mediator = ''] = setting.mediators;
    play.begin(
      id,
      1,
      freshMediatorFallbackRecord({ groupId: 'g', nodeId: id, members: setting.names, mediator }),
      0,
    );
  }
  for (const id of setting.names) {
    play.setMember(id, { serves: 'mirrored' });
    play.dispatch(id, { kind: 'in-sync-changed', inSync: setting.names });
    for (const peer of setting.names)
      if (peer !== id) play.dispatch(id, { kind: 'peer-connected', nodeId: peer });
  }
  return new Play(play.world, setting);
}

/** The smallest number whose ids nobody waits for: two histories that come to the same make the same state. */
function freeSequence({ tasks, state }: Member): number {
  const open = [
    ...tasks.map((task) => task.id),
    state.saving?.effect,
    state.fault?.call?.effect,
    state.returning?.call,
    state.proposal?.enrol,
    state.enrolment?.effect,
    ...Object.values(state.sights).map(({ probe }) => probe),
  ];
  const used = new Set(open.map((id) => Number(id?.split('/').at(-2))));
  let sequence = 1;
  while (used.has(sequence)) sequence += 1;
  return sequence;
}

function lineOf(id: string, effect: MediatorFallbackEffect): string | undefined {
  const sentence = mediatorFallback.explain(effect);
  switch (effect.kind) {
    case 'probe':
      return undefined;
    case 'send':
      return effect.message.kind === 'report' ? undefined : `${id} -> ${effect.to} ${effect.message.kind}`;
    case 'persist':
      return `${id} writes: ${sentence}`;
    case 'report':
      return `${id} ${effect.level}: ${sentence}`;
    case 'survive':
      return `${id} GOES ON with ${effect.partition.members.join(', ')}`;
    case 'stay-offline':
      return `${id} stays offline${effect.final ? ' for good' : ''}`;
    case 'answer':
      return `${id} answers ${effect.ok ? 'yes' : 'no'}: ${effect.detail}`;
    case 'readmitted':
      return `${id} takes ${effect.nodeId} in`;
    default:
      return `${id} ${effect.kind}`;
  }
}
