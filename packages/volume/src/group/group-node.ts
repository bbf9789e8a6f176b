import {
  type FencingEvidence,
  type Gate,
  gateOf,
  HoldfastError,
  InvariantError,
  type Introduction,
  introduce,
  type OperatorCommand,
  type PolarizationEffect,
  type PolarizationEvent,
  type PolarizationFact,
  type PolarizationOptions,
  type PolarizationState,
  readableUntil,
  ttlPolarization,
  unreachable,
} from '@holdfast/core';
import { createDriver, type Driver, type Interpreter } from '@holdfast/runtime';
import type { Decision, NodeEvent, ResyncProgress } from '../api.js';
import { checkPeerFrame } from '../link/peer-frames.js';
import { PeerLink } from '../link/peer-link.js';
import type { PeerSession } from '../link/peer-session.js';
import { checkedMessage } from '../link/peer-words.js';
import type { Leg } from '../metadata/leg.js';
import type { NodeOptions, NodeTuning } from '../options.js';
import { decodeJson, encodeJson, type Frame, frame, frameTypes } from '../wire/index.js';
import { DataPath } from './data-path.js';
import { Decisions } from './decisions.js';
import type { OriginsSnapshot } from '../order/origins.js';
import { LogKeeper } from './log-keeper.js';
import { RecordWriter } from './record.js';
import { ResyncRoom } from './resync-room.js';
import { Watchdog } from './watchdog.js';
import { type AskWitness, callWitness } from './witness-calls.js';

type Fact = PolarizationFact;

/**
 * One group on one node: the policy decides, the data path carries hosts' requests under the gate that it sets, the peer link
 * and the witness bring facts. This class is the place where they meet; it decides nothing.
 */
export class GroupNode implements Interpreter<PolarizationEffect, PolarizationEvent> {
  readonly dataPath: DataPath;
  readonly link: PeerLink;
  readonly decisions: Decisions;
  private readonly driver: Driver<PolarizationState, PolarizationEvent, PolarizationEffect>;
  private readonly watchdog: Watchdog;
  private readonly keeper: LogKeeper;
  private readonly resync: ResyncRoom;
  private readonly writer: RecordWriter;
  private readonly listeners = new Set<(event: NodeEvent) => void>();
  private readonly answers = new Map<string, (ok: boolean, detail: string) => void>();
  private witnessReachable: boolean | undefined;
  private commands = 0;
  private session: PeerSession | undefined;
  private leaveGuard: (() => void) | undefined;
  private haltedGate: Gate | undefined;

  constructor(
    private readonly options: NodeOptions,
    readonly legs: readonly Leg[],
    policyOptions: PolarizationOptions,
    tuning: NodeTuning,
    notes: OriginsSnapshot | undefined,
  ) {
    const { clock, nodeId, timing } = options;
    this.writer = new RecordWriter(options.store, options.groupId, options.machineBootId);
    this.decisions = new Decisions(clock);
    this.resync = new ResyncRoom({
      legs,
      clock,
      tuning,
      digest: options.digest,
      dataPath: () => this.dataPath,
      makeRoom: (leg) => {
        this.keeper.makeRoom(leg);
      },
      fact: (fact) => {
        this.dispatch(fact);
      },
      emit: (event) => {
        this.emit(event);
      },
    });
    const { activityLogIdleMs, legTimeoutMs } = tuning;
    const legFailed = (error: unknown): void => {
      this.dataPath.fact({ kind: 'leg-failed', operation: 'flush', detail: messageOf(error) });
    };
    const mayForget = (): Promise<boolean> => this.dataPath.mayForgetExtents();
    this.keeper = new LogKeeper(legs, clock, activityLogIdleMs, legTimeoutMs, legFailed, mayForget);
    this.driver = createDriver({
      policy: ttlPolarization,
      options: policyOptions,
      clock,
      interpreter: this,
      identity: { groupId: options.groupId, nodeId, incarnation: policyOptions.incarnation },
      ...(options.telemetry === undefined ? {} : { telemetry: options.telemetry }),
    });
    this.watchdog = new Watchdog(clock, timing.drainBoundMs, (stalledMs) => {
      this.emit({ kind: 'stalled', at: clock.now(), stalledMs });
      this.dispatch({ kind: 'clock-stalled', stalledMs });
    });
    this.dataPath = this.makeDataPath(notes);
    this.link = this.makeLink();
    this.driver.subscribe(() => {
      this.dataPath.reads.retry();
    });
  }

  private makeDataPath(notes: OriginsSnapshot | undefined): DataPath {
    return new DataPath({
      nodeId: this.options.nodeId,
      legs: this.legs,
      clock: this.options.clock,
      gate: gateOf(this.driver.state),
      readMode: this.options.readMode ?? 'leased',
      readableUntil: () => readableUntil(this.driver.state),
      clockIsSound: () => this.watchdog.clockIsSound,
      targetCounts: () => this.resync.targetCounts,
      fact: (fact) => {
        this.dispatch(fact);
      },
      initiatorsChanged: (initiators) => {
        this.dispatch({ kind: 'initiators-changed', initiators });
      },
      notes,
      saveNotes: (snapshot, isStable) => this.writer.saveNotes(snapshot, isStable),
    });
  }

  private makeLink(): PeerLink {
    const { clusterId, groupId, nodeId, peerId, transport, clock, random, timing, peerLink } = this.options;
    return new PeerLink({
      clusterId,
      groupId,
      nodeId,
      peerId,
      transport,
      clock,
      random,
      volumes: this.dataPath.volumes,
      where: peerLink,
      pingIntervalMs: timing.leaseRenewIntervalMs,
      silenceMs: timing.replicationTimeoutMs,
      redialIntervalMs: this.options.tuning?.redialIntervalMs ?? 50,
      introduce: () => introduce(this.driver.state),
      arrived: (session, introduction) => {
        this.arrived(session, introduction);
      },
      left: (session, cause) => {
        this.left(session, cause);
      },
      silent: (session, silentMs) => {
        this.dispatch({ kind: 'replication-silent', session: session.session, silentMs });
        session.close(`nothing was heard for ${String(Math.round(silentMs))} ms`);
      },
      frame: (session, next) => {
        try {
          this.peerFrame(session, next);
        } catch (error) {
          // Nonsense from the peer ends the session; a broken rule of our own ends this node's service.
          if (HoldfastError.is(error, 'PROTOCOL')) throw error;
          this.halted(error instanceof Error ? error : new Error(String(error)));
        }
      },
      refused: (remote, reason) => {
        this.emit({ kind: 'refused', at: clock.now(), remote, reason });
      },
    });
  }

  async open(): Promise<void> {
    // The policy's first tick: it looks around before anybody connects.
    this.dispatch({ kind: 'tick' });
    this.leaveGuard = this.options.peerGuard?.join(this.options.peerId, (suspicion) => {
      this.dispatch({ kind: 'peers-lost-together', ...(suspicion ?? { lost: 0, of: 0 }) });
    });
    await this.link.open();
  }

  get state(): PolarizationState {
    return this.driver.state;
  }

  get resyncProgress(): ResyncProgress | undefined {
    return this.resync.progress;
  }

  get peerSession(): PeerSession | undefined {
    return this.session;
  }

  get isWitnessReachable(): boolean | undefined {
    return this.witnessReachable;
  }

  dispatch(fact: Fact): void {
    this.driver.dispatch(fact);
  }

  subscribe(listener: (event: NodeEvent) => void): () => void {
    this.listeners.add(listener);
    return () => {
      this.listeners.delete(listener);
    };
  }

  emit(event: NodeEvent): void {
    for (const listener of [...this.listeners]) listener(event);
    this.options.telemetry?.emit({ ...event });
  }

  makeRoom(leg: Leg): void {
    this.keeper.makeRoom(leg);
  }

  giveEvidence(evidence: FencingEvidence): void {
    this.dispatch({ kind: 'fencing-evidence', evidence });
  }

  command(command: OperatorCommand): Promise<string> {
    this.commands += 1;
    const commandId = `${this.options.nodeId}/${String(this.commands)}`;
    return new Promise((resolve, reject) => {
      this.answers.set(commandId, (ok, detail) => {
        if (ok) resolve(detail);
        else reject(new HoldfastError('REFUSED', detail));
      });
      this.dispatch({ kind: 'command', commandId, command });
    });
  }

  private arrived(session: PeerSession, introduction: Introduction): void {
    this.session = session;
    this.options.peerGuard?.arrived(this.options.peerId);
    this.dataPath.peerArrived(session);
    this.emit({
      kind: 'peer-connected',
      at: this.options.clock.now(),
      nodeId: introduction.nodeId,
      bootId: introduction.bootId,
    });
    this.dispatch({ kind: 'peer-connected', session: session.session, introduction });
  }

  private left(session: PeerSession, cause: string): void {
    if (this.session === session) this.session = undefined;
    this.dataPath.peerLeft(session.session);
    // First of all: a loss of many changes how soon this one is acted upon.
    this.options.peerGuard?.left(this.options.peerId);
    this.emit({
      kind: 'peer-disconnected',
      at: this.options.clock.now(),
      nodeId: this.options.peerId,
      cause,
    });
    this.dispatch({ kind: 'peer-disconnected', session: session.session, cause });
  }

  private peerFrame(session: PeerSession, next: Frame): void {
    if (next.type === frameTypes.ping) return;
    checkPeerFrame(next);
    if (next.type === frameTypes.policy) {
      const { peerId, groupId } = this.options;
      const words = decodeJson(next.payload, 'A message of the policy')['message'];
      const message = checkedMessage(words, peerId, groupId);
      this.dispatch({ kind: 'peer-message', session: session.session, message });
    } else if (next.type === frameTypes.origin) session.learnOrigin(next);
    else if (this.session === session && !this.dataPath.peerFrame(next)) this.resync.peerFrame(next);
  }

  // ------------------------------------------------------------------------------------------------------------ effects

  run(effect: PolarizationEffect): undefined | Promise<Fact | undefined> {
    const gate = effect.kind === 'set-gate' ? effect.gate : this.dataPathGate();
    const decision = this.decisions.note(effect, gate.mode, gate.epoch);
    if (decision !== undefined) this.emitDecision(decision);
    switch (effect.kind) {
      case 'persist':
        return this.writer.save(effect.record).then(() => ({ kind: 'persisted', effect: effect.id }));
      case 'send':
        this.sendToPeer(
          effect.session,
          frame(frameTypes.policy, { payload: encodeJson({ message: effect.message }) }),
        );
        return undefined;
      case 'ask-witness':
        return this.askWitness(effect);
      case 'set-gate':
        this.setGate(effect.gate);
        return undefined;
      case 'drain':
        return new Promise((resolve) => {
          this.dataPath.drain(effect.flush, (drained) => {
            resolve(drained ? { kind: 'drained', effect: effect.id } : undefined);
          });
        });
      case 'start-resync':
        this.resync.start(effect);
        return undefined;
      case 'stop-resync':
        this.resync.stop(this.resync.targetCounts);
        return undefined;
      case 'drop-session':
        this.link.drop(effect.session, 'the policy wants the session made anew');
        return undefined;
      case 'answer':
        this.answers.get(effect.commandId)?.(effect.ok, effect.detail);
        this.answers.delete(effect.commandId);
        return undefined;
      case 'report':
        return undefined;
      default:
        return unreachable(effect, 'the node');
    }
  }

  failed(effect: PolarizationEffect, error: unknown): Fact | undefined {
    const detail = messageOf(error);
    if (effect.kind === 'persist') return { kind: 'persist-failed', effect: effect.id, detail };
    if (effect.kind === 'ask-witness')
      return { kind: 'witness-answered', effect: effect.id, answer: { kind: 'unreachable', detail } };
    return undefined;
  }

  /** A rule of the program is broken: nothing is served any more. */
  halted(error: Error): void {
    const { mode, epoch, lineageId, sequencer } = this.dataPathGate();
    this.haltedGate = { mode, epoch, lineageId, sequencer, host: 'closed', legs: 'none', reads: 'none' };
    this.dataPath.setGate(this.haltedGate);
    this.emit({ kind: 'halted', at: this.options.clock.now(), reason: error.message });
  }

  private dataPathGate(): Gate {
    return this.dataPath.gate;
  }

  private emitDecision(decision: Decision): void {
    this.emit({ kind: 'decision', decision });
  }

  private sendToPeer(session: number, next: Frame): void {
    if (this.session?.session === session) this.session.send(next);
  }

  private setGate(gate: Gate): void {
    if (this.haltedGate !== undefined) return;
    const before = this.dataPath.gate;
    if (
      gate.legs === 'both' &&
      before.legs === 'own-and-target' &&
      this.legs.some((leg) => !leg.map.isClean)
    ) {
      this.halted(new InvariantError('a mirror begins only when no block is marked as different'));
      return;
    }
    if (gate.legs === 'both') this.resync.stop(true);
    this.dataPath.setGate(gate);
    if (before.mode === gate.mode && before.host === gate.host && before.epoch === gate.epoch) return;
    const { clock } = this.options;
    this.emit({
      kind: 'mode-changed',
      at: clock.now(),
      wallTime: clock.wallTime(),
      from: before.mode,
      to: gate.mode,
      epoch: gate.epoch,
      sequencer: gate.sequencer,
      host: gate.host,
    });
  }

  private async askWitness(effect: AskWitness): Promise<Fact> {
    const answer = await callWitness(this.options, effect);
    const reachable = answer.kind !== 'unreachable';
    if (reachable !== this.witnessReachable) {
      this.witnessReachable = reachable;
      this.emit({ kind: 'witness-reachable', at: this.options.clock.now(), reachable });
    }
    return { kind: 'witness-answered', effect: effect.id, answer };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.leaveGuard?.();
    this.keeper.close();
    this.watchdog.close();
    await this.link[Symbol.asyncDispose]();
    await this.driver[Symbol.asyncDispose]();
    for (const answer of this.answers.values()) answer(false, 'the node is closing');
    this.answers.clear();
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
