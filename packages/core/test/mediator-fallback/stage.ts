import { mediatorFallbackMode, modelWordsOf } from './words.js';
import { newPlay, playing, wellFacts, type Play, type WorldSetting } from './world.js';

/*
 * A story about members and mediators. The words:
 *   begin [three] [mediators m1 m2]    all mirror, a is preferred
 *   run 20000                          time passes
 *   cut a b, heal a b                  a link, between members or to a mediator
 *   down m1, up m1                     the mediator itself
 *   lose a b                           the group falls apart: these members notice, each with the side that it reaches
 *   crash a, restart a                 a process ends, and begins with what its disk holds
 *   over asked, over                   fault handling: in contact again, and somebody (nobody) has called a mediator
 *   synced a b                         at a: the copy of b is complete again
 *   facts a {json}, force b, unwell a  what members say of themselves, and an operator
 *   who                                who serves, and by which model a fault would be survived
 */

const STEP_MS = 1;

export class Stage {
  private play: Play | undefined;
  private time = 0;
  private lines: { text: string; count: number }[] = [];

  constructor(private readonly policy = playing.policy) {}

  readonly handlers = {
    begin: ({ args }: Block) => this.begin(args),
    run: ({ args }: Block) => this.told(() => this.run(this.time + Number(args))),
    cut: ({ args }: Block) => this.told(() => this.cut(args)),
    heal: ({ args }: Block) => this.told(() => this.heal(args)),
    down: ({ args }: Block) => this.told(() => this.now.setMediator(args, { up: false })),
    up: ({ args }: Block) => this.told(() => this.now.setMediator(args, { up: true })),
    lose: ({ args }: Block) => this.told(() => this.lose(args.split(' '))),
    crash: ({ args }: Block) => this.told(() => this.crash(args)),
    restart: ({ args }: Block) => this.told(() => this.restart(args)),
    over: ({ args }: Block) =>
      this.told(() => {
        for (const id of this.names()) this.now.dispatch(id, { kind: 'fault-over', asked: args === 'asked' });
      }),
    synced: ({ args }: Block) => this.told(() => this.synced(args)),
    unwell: ({ args }: Block) =>
      this.told(() =>
        this.now.dispatch(args, { kind: 'facts-changed', facts: { ...wellFacts, healthy: false } }),
      ),
    force: ({ args }: Block) => this.told(() => this.force(args)),
    who: () => this.who(),
  };

  private get now(): Play {
    if (this.play === undefined) throw new TypeError('A story begins with begin.');
    return this.play;
  }

  private names(): string[] {
    return Object.keys(this.now.world.members).filter((id) => this.now.member(id).up);
  }

  private begin(args: string): string {
    const words = args.split(' ');
    const at = words.indexOf('mediators');
    const setting: WorldSetting = {
      ...playing,
      policy: this.policy,
      names: words.includes('three') ? ['a', 'b', 'c'] : ['a', 'b'],
      mediators: at < 0 ? ['m1'] : words.slice(at + 1),
      ...(words.includes('subset') ? { fallback: { kind: 'subset', nodes: ['a', 'b'] } as const } : {}),
      log: (line) => this.say(line),
    };
    this.time = 0;
    this.play = newPlay(setting);
    this.lines = [];
    // A mediator that has been seen for a minute is one to rely on.
    this.run(70_000);
    this.time = 0;
    for (const id of this.names()) this.now.setMember(id, { at: 70_000 });
    this.offset = 70_000;
    return this.who();
  }

  private offset = 0;

  private say(text: string): void {
    const last = this.lines.at(-1);
    const line = `+${String(Math.round(this.time))}ms ${text}`;
    if (last !== undefined && last.text.replace(/^\+\d+ms /, '') === text) last.count += 1;
    else this.lines.push({ text: line, count: 1 });
  }

  private told(act: () => void): string {
    this.lines = [];
    for (const id of this.names()) this.now.setMember(id, { at: this.time + this.offset });
    act();
    return this.lines
      .map(({ text, count }) => (count === 1 ? text : `${text} (${String(count)} times)`))
      .join('\n');
  }

  /** Messages, writes and answers first; then the earliest timer. */
  private run(end: number): void {
    for (;;) {
      if (this.time + STEP_MS <= end && this.stepOnce()) {
        continue;
      }
      const next = this.nextTick();
      if (next === undefined || next.at - this.offset > end) break;
      this.time = Math.max(this.time, next.at - this.offset);
      this.now.setMember(next.id, { at: this.time + this.offset });
      this.now.dispatch(next.id, { kind: 'tick' });
    }
    this.time = end;
  }

  private stepOnce(): boolean {
    const play = this.now;
    const [packet, ...packets] = play.world.packets;
    const id = this.names().find((one) => play.member(one).tasks.length > 0);
    if (packet === undefined && id === undefined) return false;
    this.time += packet !== undefined || play.member(id ?? '').tasks[0]?.kind === 'persist' ? STEP_MS : 0;
    if (packet !== undefined) {
      play.set({ packets });
      if (!play.member(packet.to).up || !play.reaches(packet.from, packet.to)) return true;
      play.setMember(packet.to, { at: this.time + this.offset });
      play.dispatch(packet.to, { kind: 'peer-message', nodeId: packet.from, message: packet.message });
    } else if (id !== undefined) {
      play.setMember(id, { at: this.time + this.offset });
      play.finish(id, play.take(id, 0));
    }
    return true;
  }

  private nextTick(): { id: string; at: number } | undefined {
    let earliest: { id: string; at: number } | undefined;
    for (const id of this.names()) {
      const at = this.now.setting.policy.wakeAt(this.now.member(id).state);
      if (at !== undefined && (earliest === undefined || at < earliest.at)) earliest = { id, at };
    }
    return earliest;
  }

  private cut(pair: string): void {
    this.now.set({ cuts: [...this.now.world.cuts, pair] });
    this.meetings((id, peer) => this.now.dispatch(id, { kind: 'peer-disconnected', nodeId: peer }), pair);
  }

  private heal(pair: string): void {
    this.now.set({ cuts: this.now.world.cuts.filter((one) => one !== pair) });
    this.meetings((id, peer) => this.now.dispatch(id, { kind: 'peer-connected', nodeId: peer }), pair);
  }

  private meetings(tell: (id: string, peer: string) => void, pair: string): void {
    const [one = '', two = ''] = pair.split(' ');
    const { members } = this.now.world;
    if (members[one]?.up !== true || members[two]?.up !== true) return;
    tell(one, two);
    tell(two, one);
  }

  private lose(ids: readonly string[]): void {
    for (const id of ids) {
      const side = this.names().filter((one) => one === id || this.now.reaches(one, id));
      this.now.setMember(id, { serves: 'nothing' });
      this.now.dispatch(id, { kind: 'fault', side });
    }
  }

  private crash(id: string): void {
    this.now.setMember(id, { up: false, tasks: [], serves: 'nothing' });
    for (const peer of this.names()) this.now.dispatch(peer, { kind: 'peer-disconnected', nodeId: id });
  }

  private restart(id: string): void {
    const { incarnation, disk } = this.now.member(id);
    this.now.begin(id, incarnation + 1, disk, this.time + this.offset);
    this.now.dispatch(id, { kind: 'in-sync-changed', inSync: disk.partition.members });
    for (const peer of this.names()) {
      if (peer === id || !this.now.reaches(id, peer)) continue;
      this.now.dispatch(id, { kind: 'peer-connected', nodeId: peer });
      this.now.dispatch(peer, { kind: 'peer-connected', nodeId: id });
    }
  }

  private synced(args: string): void {
    const [at = '', nodeId = ''] = args.split(' ');
    this.now.dispatch(at, { kind: 'member-synced', nodeId });
  }

  private force(id: string): void {
    const expectedGeneration = this.now.member(id).state.record.partition.generation;
    const command = { kind: 'force-survivor', expectedGeneration, acknowledgeDataLoss: true } as const;
    this.now.dispatch(id, { kind: 'command', commandId: 'c', command });
  }

  private who(): string {
    return Object.entries(this.now.world.members)
      .map(([id, member]) => {
        if (!member.up) return `${id} is down`;
        const place =
          member.serves === 'nothing' ? 'serves nothing' : member.serves === 'alone' ? 'goes on' : 'mirrors';
        return `${id} ${place}; ${mediatorFallbackMode(member.state)}, after a fault ${modelWordsOf(member.state)}`;
      })
      .join('\n');
  }
}

interface Block {
  readonly args: string;
}
