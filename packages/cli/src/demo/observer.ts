import type { ControllerEvent, Decision, NodeStatus, ResyncProgress } from '@holdfast/volume';
import type { Standstill } from '../run/standstill.js';
import type { Pause } from './workload/pauses.js';
import type { Band, ModeSegment, Moment, ResyncPoint } from './report/types.js';

/** What a node says of itself now. */
export interface NodeView {
  readonly alive: boolean;
  readonly mode: string;
  readonly host: string;
  readonly epoch: number;
  readonly sequencer: string;
}

const unheard: NodeView = { alive: false, mode: 'down', host: 'closed', epoch: 0, sequencer: '' };

export interface FinishedResync {
  readonly nodeId: string;
  readonly atMs: number;
  readonly completed: boolean;
  readonly progress: ResyncProgress;
}

/** Collects what nodes, initiator and processes say during a run, for waiting on it and for the report. */
export class Observer {
  readonly moments: Moment[] = [];
  readonly decisions: (Decision & { readonly nodeId: string })[] = [];
  readonly resyncs: ResyncPoint[] = [];
  readonly finishedResyncs: FinishedResync[] = [];
  private readonly views = new Map<string, NodeView>();
  private readonly segments = new Map<string, ModeSegment[]>();
  private readonly standstills: (Standstill & { readonly process: string })[] = [];
  private readonly known = new Set<string>();

  constructor(
    private readonly nodes: readonly { readonly nodeId: string; readonly role: string }[],
    /** Told of progress of a resync, for a bar. */
    private readonly progressed: (nodeId: string, progress: ResyncProgress, ended: boolean) => void,
  ) {}

  view(nodeId: string): NodeView {
    return this.views.get(nodeId) ?? unheard;
  }

  heard({ nodeId, ...told }: ControllerEvent): void {
    if (told.kind !== 'node-event') return;
    const { event } = told;
    switch (event.kind) {
      case 'mode-changed':
        this.change(nodeId, event.wallTime, {
          alive: true,
          mode: event.to,
          host: event.host,
          epoch: event.epoch,
          sequencer: event.sequencer,
        });
        return;
      case 'decision':
        this.decided(nodeId, event.decision);
        return;
      case 'resync-started':
      case 'resync-progress':
      case 'resync-ended':
        this.resyncs.push({ atMs: Date.now(), nodeId, ...event.progress });
        if (event.kind === 'resync-ended') {
          this.finishedResyncs.push({
            nodeId,
            atMs: Date.now(),
            completed: event.completed,
            progress: event.progress,
          });
        }
        this.progressed(nodeId, event.progress, event.kind === 'resync-ended');
        return;
      case 'halted':
        this.moments.push({
          atMs: Date.now(),
          source: nodeId,
          kind: 'fault',
          text: `halted: ${event.reason}`,
        });
        return;
      case 'peer-connected':
      case 'peer-disconnected':
      case 'witness-reachable':
      case 'refused':
      case 'stalled':
      case 'events-missed':
        return;
    }
  }

  /** The truth of a moment, for what happened before the first event could be heard. */
  asked(status: NodeStatus, atMs: number): void {
    const view = this.view(status.nodeId);
    const epoch = status.record.epoch;
    if (view.alive && view.mode === status.mode && view.epoch === epoch && view.host === status.host) return;
    this.change(status.nodeId, atMs, {
      alive: true,
      mode: status.mode,
      host: status.host,
      epoch,
      sequencer: status.sequencer,
    });
  }

  decided(nodeId: string, decision: Decision): void {
    const key = `${decision.effect}/${decision.kind}`;
    if (this.known.has(key)) return;
    this.known.add(key);
    this.decisions.push({ nodeId, ...decision });
    this.moments.push({
      atMs: decision.wallTime,
      source: nodeId,
      kind: 'decision',
      epoch: decision.epoch,
      mode: decision.mode,
      text: decision.sentence,
    });
  }

  died(nodeId: string, atMs: number): void {
    this.change(nodeId, atMs, unheard);
  }

  faulted(source: string, text: string): void {
    this.moments.push({ atMs: Date.now(), source, kind: 'fault', text });
  }

  initiatorSaid(text: string): void {
    this.moments.push({ atMs: Date.now(), source: 'initiator', kind: 'initiator', text });
  }

  stoodStill(process: string, standstill: Standstill): void {
    this.standstills.push({ process, ...standstill });
  }

  get longestStandstillMs(): number {
    return this.standstills.reduce((longest, { lengthMs }) => Math.max(longest, lengthMs), 0);
  }

  /** For how much of the span at least one of the processes stood still. */
  standstillIn(span: Pause): number {
    const inside = this.standstills
      .map(({ untilMs, lengthMs }) => ({
        from: Math.max(span.fromMs, untilMs - lengthMs),
        until: Math.min(span.untilMs, untilMs),
      }))
      .filter(({ from, until }) => until > from)
      .sort((left, right) => left.from - right.from);
    let sumMs = 0;
    let reached = span.fromMs;
    for (const { from, until } of inside) {
      sumMs += Math.max(0, until - Math.max(from, reached));
      reached = Math.max(reached, until);
    }
    return sumMs;
  }

  /** The longest standstill of one process that touches the span. */
  longestStandstillIn(span: Pause): number {
    return this.standstills
      .filter(({ untilMs, lengthMs }) => untilMs >= span.fromMs && untilMs - lengthMs <= span.untilMs)
      .reduce((longest, { lengthMs }) => Math.max(longest, lengthMs), 0);
  }

  bands(endedAtMs: number): readonly Band[] {
    return this.nodes.map(({ nodeId, role }) => {
      const segments = this.segments.get(nodeId) ?? [];
      return {
        name: nodeId,
        role,
        segments: segments.map((segment) => ({ ...segment, untilMs: Math.min(segment.untilMs, endedAtMs) })),
      };
    });
  }

  private change(nodeId: string, atMs: number, next: NodeView): void {
    this.views.set(nodeId, next);
    const segments = this.segments.get(nodeId) ?? [];
    this.segments.set(nodeId, segments);
    const last = segments.pop();
    const { mode, epoch, sequencer } = next;
    if (last !== undefined && last.mode === mode && last.epoch === epoch) {
      segments.push(last);
      return;
    }
    if (last !== undefined) segments.push({ ...last, untilMs: Math.max(last.fromMs, atMs) });
    segments.push({ fromMs: Math.max(atMs, last?.fromMs ?? 0), untilMs: Infinity, mode, epoch, sequencer });
  }
}
