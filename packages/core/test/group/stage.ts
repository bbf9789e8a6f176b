import {
  groupLockOf,
  whoWouldWin,
  type GroupFact,
  type GroupFault,
  type SwapSeverity,
} from '../../src/index.js';
import type { TranscriptBlock, TranscriptHandlers } from '@holdfast/testkit';
import { watch } from './checks.js';
import { every, ids, World, type NodeId, type WorldOptions } from './world.js';

/** The verbs of the stories: what happens to two nodes, and what an operator would see of it. */
export class Stage {
  private world = new World();
  private shown = 0;

  readonly handlers: TranscriptHandlers = {
    begin: (block) => this.begin(block),
    run: (block) => this.after(() => this.world.run(Number(block.args))),
    cut: (block) => this.after(() => this.world.cut(...block.args.split(' '))),
    heal: (block) => this.after(() => this.world.heal(...block.args.split(' '))),
    crash: (block) => this.after(() => this.world.crash(nodeOf(block.args))),
    start: (block) => this.after(() => this.world.start(nodeOf(block.args))),
    reset: () => this.after(() => this.world.reset()),
    'fail-leg': (block) => this.after(() => this.world.failLeg(nodeOf(block.args))),
    'slow-disk': (block) => this.after(() => this.slowDisk(block.args)),
    'lose-hosts': (block) => this.after(() => this.world.loseHosts(nodeOf(block.args))),
    unhealthy: (block) => this.after(() => this.unhealthy(block.args)),
    move: (block) => this.after(() => this.move(block.args)),
    condition: (block) => this.after(() => this.condition(block.args, 'open')),
    resolve: (block) => this.after(() => this.condition(block.args, 'resolved')),
    redirect: (block) => this.after(() => this.redirect(block.args)),
    force: (block) => this.after(() => this.force(block.args)),
    until: (block) => this.after(() => this.until(block.args)),
    who: () => this.after(() => this.who()),
    'what-if': (block) => this.after(() => this.whatIf(block.args)),
  };

  private begin(block: TranscriptBlock): string {
    const { policies, ...given } = JSON.parse(block.args === '' ? '{}' : block.args) as Record<
      string,
      unknown
    > & {
      policies?: WorldOptions['policies'];
    };
    this.world = watch(new World({ policies: { ...every, ...policies }, ...given }));
    this.world.mirrored();
    this.world.run(10);
    this.world.lines.length = 0;
    this.world.zero = this.world.now;
    this.shown = 0;
    this.who();
    return this.output();
  }

  private dispatch(id: NodeId, fact: GroupFact): void {
    this.world.nodes[id].dispatch(fact);
  }

  private after(act: () => void): string {
    act();
    return this.output();
  }

  private output(): string {
    const lines = this.world.lines.slice(this.shown);
    this.shown = this.world.lines.length;
    return lines.join('\n');
  }

  private unhealthy(args: string): void {
    const [id = '', level = 'unhealthySoft'] = args.split(' ');
    if (level !== 'ok' && level !== 'degraded' && level !== 'unhealthySoft' && level !== 'unhealthyHard')
      return;
    this.dispatch(nodeOf(id), {
      kind: 'part',
      policy: 'ttl-polarization',
      fact: { kind: 'health-changed', level, reasons: ['as the story says'] },
    });
  }

  private slowDisk(args: string): void {
    const [id = '', ms = '1'] = args.split(' ');
    this.world.nodes[nodeOf(id)].persistMs = Number(ms);
  }

  private move(args: string): void {
    const [id = '', operationId = 'move'] = args.split(' ');
    this.dispatch(nodeOf(id), {
      kind: 'part',
      policy: 'planned-failover',
      fact: { kind: 'command', commandId: operationId, command: { kind: 'start', operationId } },
    });
  }

  private force(args: string): void {
    const [id = '', epoch = '0'] = args.split(' ');
    const command = {
      kind: 'force-survivor',
      expectedEpoch: Number(epoch),
      acknowledgeDataLoss: true,
    } as const;
    this.dispatch(nodeOf(id), {
      kind: 'part',
      policy: 'ttl-polarization',
      fact: { kind: 'command', commandId: 'f', command },
    });
  }

  private redirect(args: string): void {
    const [id = '', epoch = '0'] = args.split(' ');
    this.dispatch(nodeOf(id), {
      kind: 'part',
      policy: 'latency-failback',
      fact: { kind: 'command', commandId: 'r', command: { kind: 'redirect', expectedEpoch: Number(epoch) } },
    });
  }

  /** A storage's message reaches both nodes. */
  private condition(args: string, report: 'open' | 'resolved'): void {
    const [site = 'first', token = 'c1', severity = 'acute'] = args.split(' ');
    if (site !== 'first' && site !== 'second') return;
    const codeClass = 'rank';
    this.world.conditions = this.world.conditions.filter((one) => one.token !== token);
    if (report === 'open')
      this.world.conditions.push({ site, codeClass, token, severity: severity as SwapSeverity });
    for (const id of ids)
      this.dispatch(id, {
        kind: 'part',
        policy: 'swap-recovery',
        fact: { kind: 'health-reported', site, report, codeClass, token, severity: severity as SwapSeverity },
      });
  }

  private until(args: string): void {
    const [id = '', what = '', wanted = ''] = args.split(' ');
    const node = this.world.nodes[nodeOf(id)];
    this.world.until(() => {
      const state = node.live;
      switch (what) {
        case 'mode':
          return state.polarization.mode === wanted;
        case 'planned':
          return state.planned?.record.operation?.phase === wanted;
        case 'failback':
          return state.failback?.phase === wanted;
        case 'stage':
          return state.failback?.attempt?.stage === wanted;
        case 'swap':
          return state.swap?.phase === wanted;
        case 'model':
          return (
            state.fallback?.record.current.model.kind === wanted &&
            state.fallback.record.pending === undefined
          );
        case 'pending':
          return state.fallback?.record.pending !== undefined;
        case 'barrier':
          return state.planned?.target?.barrierSequence !== undefined;
        case 'host':
          return state.gate.host === wanted;
        default:
          throw new Error(`nobody knows what "${what}" is`);
      }
    }, 2_000_000);
  }

  private who(): void {
    for (const id of ids) {
      const node = this.world.nodes[id];
      if (!node.isRunning) {
        this.world.log(`${id} is down`);
        continue;
      }
      const { live } = node;
      const { record, gate } = live;
      const lock = groupLockOf(live);
      const current = live.fallback?.record.current.model;
      const model =
        current === undefined
          ? ''
          : `, by ${current.kind}${current.kind === 'preElected' ? ` ${current.node}` : current.kind === 'mediator' ? ` ${current.id}` : ''}`;
      this.world.log(
        `${id} is ${live.polarization.mode}, hosts ${gate.host}${gate.ordersWrites ? ', orders writes' : ''}; epoch ${String(record.epoch)} of ${record.owner ?? 'both'}, preferred ${record.preferred}${model}; lock: ${lock === undefined ? 'free' : `${lock.kind} ${lock.operationId.replace(/^.*\//, '')}`}`,
      );
    }
  }

  private whatIf(args: string): void {
    const faults = args.split(' and ').map((one): GroupFault => {
      const [kind = '', node = 'a'] = one.split(' ');
      if (kind === 'link-cut' || kind === 'witness-lost') return { kind };
      if (kind === 'link-cut-one-way') return { kind, from: node };
      if (kind === 'node-lost' || kind === 'hosts-lost' || kind === 'leg-failed') return { kind, node };
      throw new Error(`no fault "${kind}"`);
    });
    for (const id of ids) {
      const node = this.world.nodes[id];
      if (node.isRunning) this.world.log(`${id} says: ${whoWouldWin(node.live, faults).detail}`);
    }
  }
}

function nodeOf(word: string): NodeId {
  if (word === 'a' || word === 'b') return word;
  throw new Error(`no node "${word}"`);
}
