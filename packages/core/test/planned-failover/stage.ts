import { plannedFailover, plannedFailoverMode, plannedFailoverTiming } from '../../src/index.js';
import {
  apply,
  begin,
  choices,
  ids,
  noFaults,
  serves,
  type Id,
  type Setting,
  type System,
} from './system.js';

/*
 * A story about two nodes. The words:
 *   begin [witness|preferred|none]    two nodes mirror; who decides when they lose each other
 *   start [ms], abort, again          commands to a (start with its own rollback time; again: the same operation id)
 *   until a fenced                    goes on until that node is in that mode, and stops there
 *   run 2000                          goes on for so long
 *   crash a, restart a, cut, heal         what was on its way then is lost
 *   hang b                            that node does nothing any more, and its connection stands
 *   store-fails a, store-works a, write a
 *   who                               who serves, and what each node has
 */

/** What one message or one write to a disk takes. */
const STEP_MS = 1;
/** What fault handling takes for each of its own steps: a lease, an election, a meeting. */
const FAULT_HANDLING_MS = 300;
const LONGEST_MS = 600_000;

const atOnce = ['result', 'deliver', 'applied', 'rejected'];
const faultHandling = ['lose', 'connect', 'meet', 'ask', 'learn', 'elect'];

export class Stage {
  private system: System | undefined;
  private setting: Setting = {
    policy: plannedFailover,
    arbiter: 'witness',
    timing: plannedFailoverTiming,
    queue: 100,
  };
  private time = 0;
  private hung = '';
  private lines: { text: string; count: number }[] = [];

  readonly handlers = {
    begin: ({ args }: { readonly args: string }) => this.begin(args),
    start: ({ args }: { readonly args: string }) => this.command({ kind: 'start', args }),
    again: () => this.command({ kind: 'again', args: '' }),
    abort: () => this.command({ kind: 'abort', args: '' }),
    until: ({ args }: { readonly args: string }) => this.until(args),
    run: ({ args }: { readonly args: string }) =>
      this.told(() => this.run(this.time + Number(args), () => false)),
    who: () => this.who(),
    crash: ({ args }: { readonly args: string }) => this.happens(`crash ${args}`, true),
    hang: ({ args }: { readonly args: string }) => {
      this.hung = args;
      return '';
    },
    restart: ({ args }: { readonly args: string }) => this.happens(`restart ${args}`),
    cut: () => this.happens('cut', true),
    heal: () => this.happens('heal'),
    write: ({ args }: { readonly args: string }) => this.happens(`write ${args}`),
    'store-fails': ({ args }: { readonly args: string }) => this.happens(`store-fails ${args}`),
    'store-works': ({ args }: { readonly args: string }) => this.happens(`store-works ${args}`),
  };

  private get now(): System {
    if (this.system === undefined) throw new TypeError('A story begins with begin.');
    return this.system;
  }

  private begin(args: string): string {
    const arbiter = args === 'preferred' || args === 'none' ? args : 'witness';
    this.time = 0;
    this.hung = '';
    this.setting = { ...this.setting, arbiter, log: (line) => this.say(line) };
    this.system = begin(this.setting, {
      ...noFaults,
      crashes: 100,
      cuts: 100,
      starts: 100,
      aborts: 100,
      writes: 100,
    });
    return this.who();
  }

  private say(line: string): void {
    const last = this.lines.at(-1);
    const text = line.startsWith('    ') ? line : `+${String(Math.round(this.time))}ms ${line}`;
    const bare = (one: string): string => one.replace(/^\+\d+ms /, '');
    if (last !== undefined && bare(last.text) === bare(text)) last.count += 1;
    else this.lines.push({ text, count: 1 });
  }

  private told(act: () => void): string {
    this.lines = [];
    act();
    return this.lines
      .map(({ text, count }) => (count === 1 ? text : `${text} (${String(count)} times)`))
      .join('\n');
  }

  private apply(choice: string): void {
    const { nodes } = this.now;
    const moved = { a: { ...nodes.a, at: this.time }, b: { ...nodes.b, at: this.time } };
    this.system = apply({ ...this.now, nodes: moved }, choice, this.setting);
  }

  private happens(choice: string, losesMessages = false): string {
    return this.told(() => {
      if (losesMessages) this.system = { ...this.now, toward: { a: [], b: [] } };
      this.apply(choice);
    });
  }

  private command({
    kind,
    args,
  }: {
    readonly kind: 'start' | 'again' | 'abort';
    readonly args: string;
  }): string {
    const rollbackMs = Number(args);
    const command =
      kind === 'abort'
        ? ({ kind, operationId: 'move' } as const)
        : ({ kind: 'start', operationId: 'move', ...(rollbackMs > 0 ? { rollbackMs } : {}) } as const);
    return this.told(() => this.apply(`command a ${JSON.stringify(command)}`));
  }

  private until(args: string): string {
    const [where = '', mode = ''] = args.split(' ');
    const id: Id = where === 'b' ? 'b' : 'a';
    const holds = (): boolean => plannedFailoverMode(this.now.nodes[id].state) === mode;
    return this.told(() => {
      this.run(this.time + LONGEST_MS, holds);
      if (!holds())
        throw new TypeError(`${id} never was "${mode}":\n${this.lines.map(({ text }) => text).join('\n')}`);
    });
  }

  /** First what is under way, then what has become due, then fault handling, which takes its time. */
  private run(end: number, holds: () => boolean): void {
    let quietSince = this.time;
    while (!holds()) {
      const open = choices(this.now, this.setting).filter((choice) => choice.split(' ')[1] !== this.hung);
      const soon = atOnce.flatMap((verb) => open.filter((choice) => choice.startsWith(verb)))[0];
      if (soon !== undefined) {
        if (this.time + STEP_MS > end) break;
        this.time += STEP_MS;
        this.apply(soon);
        if (!soon.startsWith('deliver')) quietSince = this.time;
        continue;
      }
      const repair = faultHandling.flatMap((verb) => open.filter((choice) => choice.startsWith(verb)))[0];
      const repairAt = repair === undefined ? Infinity : quietSince + FAULT_HANDLING_MS;
      const [tickAt, tick] = this.nextTick();
      const next = Math.max(this.time, Math.min(repairAt, tickAt));
      if (next > end) break;
      this.time = next;
      if (repair !== undefined && repairAt <= tickAt) {
        this.apply(repair);
        quietSince = this.time;
      } else if (tick !== undefined) this.apply(`tick ${tick}`);
    }
    if (!holds()) this.time = end;
  }

  private nextTick(): [number, Id | undefined] {
    let earliest: [number, Id | undefined] = [Infinity, undefined];
    for (const id of ids) {
      const { up, state } = this.now.nodes[id];
      const at = up && id !== this.hung ? this.setting.policy.wakeAt(state) : undefined;
      if (at !== undefined && at < earliest[0]) earliest = [at, id];
    }
    return earliest;
  }

  private who(): string {
    const lines = ids.map((id) => {
      const node = this.now.nodes[id];
      if (!node.up) return `${id} is down`;
      const { roles } = node.state.record;
      const place = node.alone
        ? 'serves alone'
        : node.state.gate.ordersWrites
          ? 'orders writes'
          : serviceOf(this.now, id);
      const mode = plannedFailoverMode(node.state);
      return `${id} ${place}; ${mode}, hosts ${node.state.gate.host}, epoch ${String(roles.epoch)} of ${roles.sequencer}, ${String(node.writes)} writes`;
    });
    return lines.join('\n');
  }
}

function serviceOf(system: System, id: Id): string {
  const { state } = system.nodes[id];
  const isSecond = state.standing.service === 'mirrored' && state.gate.host === 'free';
  return isSecond && ids.some((one) => serves(system, one)) ? 'mirrors' : 'serves nothing';
}
