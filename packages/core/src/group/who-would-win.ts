import { driftFactor, type DurationMs } from '../kernel/time.js';
import { fallbackModels, type FaultResponseModel } from '../policies/mediator-fallback/index.js';
import {
  pauseBounds,
  type HealthLevel,
  type NodeId,
  type PolarizationTiming,
} from '../policies/ttl-polarization/index.js';
import { remainsAfter, wordsOfFault, type GroupFault, type Remains } from './faults.js';
import { readsThrough } from './gate.js';
import { groupLockOf } from './lock.js';
import { wordsOf } from './models.js';
import { hasPassedOrder } from './record.js';
import type { GroupState } from './state.js';

/** Why it would come so: a name and what decided. */
export type GroupForecastReason =
  | { readonly kind: 'both-go-on' }
  | { readonly kind: 'owner-goes-on'; readonly owner: NodeId; readonly orderTakenBack: boolean }
  | { readonly kind: 'complete-copy-lost'; readonly owner: NodeId }
  | { readonly kind: 'hands-over'; readonly from: NodeId; readonly to: NodeId }
  | { readonly kind: 'no-sound-copy' }
  | { readonly kind: 'wins'; readonly node: NodeId; readonly level: HealthLevel; readonly by: string }
  | { readonly kind: 'nobody-may'; readonly by: string; readonly nodes: readonly NodeId[] }
  | { readonly kind: 'committed'; readonly to: NodeId }
  | { readonly kind: 'undecided'; readonly mode: string };

/** Who would serve hosts after a fault at this moment. */
export interface GroupForecast {
  /** Both while they mirror, one, or nobody. */
  readonly serves: readonly NodeId[];
  /** Longest pause for hosts that reach whoever serves; absent when nobody would. */
  readonly withinMs?: DurationMs;
  /** Whether any host would reach whoever serves. */
  readonly reached: boolean;
  readonly because: GroupForecastReason;
  readonly detail: string;
}

interface Candidate {
  readonly node: NodeId;
  readonly level: HealthLevel;
  readonly afterMs: DurationMs;
  readonly by: string;
}

/**
 * Who would serve, after how long, and why, if this happened now: one fault or several at once. It reads the state of one node and
 * changes nothing. What only the other node knows (whether it reaches the witness) is taken to be well.
 */
export function whoWouldWin(state: GroupState, fault: GroupFault | readonly GroupFault[]): GroupForecast {
  const faults = 'kind' in fault ? [fault] : fault;
  const remains = remainsAfter(faults);
  const { record, polarization } = state;
  const { mode } = polarization;
  const say = (
    serves: readonly NodeId[],
    withinMs: DurationMs | undefined,
    because: GroupForecastReason,
  ): GroupForecast => ({
    serves,
    ...(withinMs === undefined ? {} : { withinMs }),
    reached: serves.some((node) => !remains.unreached.has(node) && initiatorsOf(state, node) > 0),
    because,
    detail: sentence(faults, serves, withinMs, because),
  });
  if (record.owner !== undefined) return afterOwner(state, remains, record.owner, say);
  if (record.mode !== 'mirrored' || mode === 'unknown' || mode === 'splitBrain' || mode === 'fenced')
    return say([], undefined, { kind: 'undecided', mode });
  const isTogether =
    mode === 'mirrored' &&
    polarization.peer !== undefined &&
    remains.lost.size === 0 &&
    remains.link === 'whole';
  return isTogether ? afterTogether(state, remains, say) : afterApart(state, remains, say);
}

type Say = (
  serves: readonly NodeId[],
  withinMs: DurationMs | undefined,
  because: GroupForecastReason,
) => GroupForecast;

/** One node goes on alone already: it has the only complete copy, whoever is preferred. */
function afterOwner(state: GroupState, remains: Remains, owner: NodeId, say: Say): GroupForecast {
  const { record, self, polarization } = state;
  if (remains.lost.has(owner) || hasBadLeg(state, remains, owner))
    return say([], undefined, { kind: 'complete-copy-lost', owner });
  const other = owner === self.nodeId ? self.peerId : self.nodeId;
  const isApart = remains.link !== 'whole' || remains.lost.has(other) || hasBadLeg(state, remains, other);
  const isThrough = hasPassedOrder(record);
  const orderTakenBack = isThrough && isApart;
  const { healthFreshMs, activationMs } = polarization.self.timing;
  const serves =
    isThrough && !isApart && (owner === self.nodeId || readsThrough(state)) ? [owner, other] : [owner];
  const waitMs =
    owner === self.nodeId && state.gate.host !== 'open' ? pauseBounds(polarization.self.timing).worstMs : 0;
  const withinMs = orderTakenBack ? healthFreshMs + activationMs : waitMs;
  return say([...serves].sort(), withinMs, { kind: 'owner-goes-on', owner, orderTakenBack });
}

/** Both are there and see each other: only a bad leg changes who serves, and that needs no witness. */
function afterTogether(state: GroupState, remains: Remains, say: Say): GroupForecast {
  const { self, polarization } = state;
  const both = [self.nodeId, self.peerId].sort();
  const bad = both.filter((node) => hasBadLeg(state, remains, node));
  // A sick node with good links hands over before anything is lost, if the other one is well; two sick ones go on together.
  const sick = both.filter((node) => isSick(state, node));
  const [from] = bad.length > 0 ? bad : sick;
  const to = both.find((node) => node !== from) ?? '';
  const isWell = bad.length > 0 || healthOf(state, to) === 'ok';
  if (from === undefined || !isWell) return say(both, holdMs(state), { kind: 'both-go-on' });
  if (bad.length === 2 || levelOf(state, to) === 'unhealthyHard')
    return say([], undefined, { kind: 'no-sound-copy' });
  const { handoverTimeoutMs, activationMs } = polarization.self.timing;
  return say([to], handoverTimeoutMs + activationMs, { kind: 'hands-over', from, to });
}

/** A planned failover that is under way holds hosts for a moment, fault or not. */
function holdMs(state: GroupState): DurationMs {
  const isMoving = groupLockOf(state)?.kind === 'planned-failover';
  return isMoving ? (state.planned?.self.timing.fenceLimitMs ?? 0) : 0;
}

/** They have lost each other: whoever may claim and is first by the ladder goes on. */
function afterApart(state: GroupState, remains: Remains, say: Say): GroupForecast {
  const { self } = state;
  const { planned } = state;
  const operation = planned?.record.operation;
  const isOpen = operation?.phase === 'committed' && planned?.source?.applied !== true;
  const committedTo = isOpen ? operation.to : undefined;
  const nodes = [self.nodeId, self.peerId]
    .sort()
    .filter(
      (node) =>
        !remains.lost.has(node) &&
        !hasBadLeg(state, remains, node) &&
        levelOf(state, node) !== 'unhealthyHard',
    )
    // Under a commit that the target may not have heard of, the source never claims.
    .filter((node) => committedTo === undefined || node !== self.nodeId);
  if (nodes.length === 0 && committedTo !== undefined)
    return say([], undefined, { kind: 'committed', to: committedTo });
  if (nodes.length === 0) return say([], undefined, { kind: 'no-sound-copy' });
  const candidates = nodes.flatMap((node) => candidateOf(state, remains, node) ?? []);
  const [first, second] = candidates;
  if (first === undefined) return say([], undefined, { kind: 'nobody-may', by: decidersOf(state), nodes });
  const winner = second !== undefined && second.afterMs < first.afterMs ? second : first;
  const { node, level, by, afterMs } = winner;
  return say([node], afterMs, { kind: 'wins', node, level, by });
}

function candidateOf(state: GroupState, remains: Remains, node: NodeId): Candidate | undefined {
  const models = modelsOf(state);
  const isElected = models.every((model) => model.kind === 'mediator' || goesOnBy(model, node));
  const asks = models.some(({ kind }) => kind === 'mediator');
  const seesWitness = remains.witness && seesMediator(state, node);
  if (!isElected || (asks && !seesWitness)) return undefined;
  const level = levelOf(state, node);
  const by = asks ? 'the word of the witness' : wordsOf(models);
  return { node, level, afterMs: waitOf(state, remains, node, level), by };
}

/** From the fault to the first reply, at most: the bounds of fault handling, by role and health. */
function waitOf(state: GroupState, remains: Remains, node: NodeId, level: HealthLevel): DurationMs {
  const { timing } = state.polarization.self;
  const { preferredLostMs, nonPreferredLostMs } = pauseBounds(timing);
  const delay =
    level === 'ok' ? 0 : level === 'degraded' ? timing.unhealthyDelayMs / 2 : timing.unhealthyDelayMs;
  const isPreferred = node === state.record.preferred;
  // Grants still go out until their acknowledgements have been missing for a while.
  const slidesMs = remains.link === 'one-way' || remains.lost.size === 0 ? slideMs(timing) : 0;
  return (isPreferred ? nonPreferredLostMs : preferredLostMs) + delay + slidesMs;
}

/** How far a lease may slide on after the other side has gone silent: one more renewal, and the gap in acknowledgements. */
function slideMs(timing: PolarizationTiming): DurationMs {
  const { leaseRenewIntervalMs, peerCallTimeoutMs, clockDriftPpm } = timing;
  return driftFactor(clockDriftPpm) * (2 * leaseRenewIntervalMs + peerCallTimeoutMs);
}

function modelsOf({ fallback, polarization }: GroupState): readonly FaultResponseModel[] {
  if (fallback !== undefined) return fallbackModels(fallback.record);
  const { faultModel } = polarization.self;
  return faultModel.kind === 'preElected' ? [faultModel] : [{ kind: 'mediator', id: 'witness' }];
}

function decidersOf(state: GroupState): string {
  const models = modelsOf(state);
  return models.some(({ kind }) => kind === 'mediator') ? 'the word of the witness' : wordsOf(models);
}

function goesOnBy(model: FaultResponseModel, node: NodeId): boolean {
  switch (model.kind) {
    case 'preElected':
      return model.node === node;
    case 'subset':
      return model.nodes.every((one) => one === node);
    case 'quorum':
      return (model.votes[node] ?? 0) >= model.need;
    case 'mediator':
    case 'manual':
      return false;
  }
}

function seesMediator({ polarization, fallback, self }: GroupState, node: NodeId): boolean {
  if (node === self.nodeId) return polarization.witness.reachable !== false;
  const sights = fallback?.reports[node]?.sights ?? {};
  return Object.values(sights).every((sight) => sight === 'reliable');
}

function hasBadLeg({ polarization, self }: GroupState, remains: Remains, node: NodeId): boolean {
  return remains.legs.has(node) || (node === self.nodeId && polarization.legFailure !== undefined);
}

function initiatorsOf({ polarization, self }: GroupState, node: NodeId): number {
  return node === self.nodeId ? polarization.initiators : (polarization.peer?.introduction.initiators ?? 1);
}

function healthOf({ polarization, self }: GroupState, node: NodeId): HealthLevel {
  if (node === self.nodeId) return polarization.health.level;
  return polarization.peer?.introduction.health ?? 'ok';
}

function isSick(state: GroupState, node: NodeId): boolean {
  const level = healthOf(state, node);
  return level === 'unhealthySoft' || level === 'unhealthyHard';
}

/** The place on the ladder: a node that no host reaches, as known before the fault, is of less use. */
function levelOf(state: GroupState, node: NodeId): HealthLevel {
  const { polarization, self } = state;
  const { peer, unreached, initiators } = polarization;
  const isSelf = node === self.nodeId;
  const level = healthOf(state, node);
  const isUnreached = isSelf ? unreached.value : peer?.introduction.initiators === 0 && initiators > 0;
  return isUnreached && (level === 'ok' || level === 'degraded') ? 'unhealthySoft' : level;
}

function sentence(
  faults: readonly GroupFault[],
  serves: readonly NodeId[],
  withinMs: DurationMs | undefined,
  because: GroupForecastReason,
): string {
  const what = faults.length === 0 ? 'nothing happens' : faults.map(wordsOfFault).join(' and ');
  const who =
    serves.length === 0
      ? 'nobody serves'
      : `node${serves.length > 1 ? 's' : ''} ${serves.join(' and ')} serve${serves.length > 1 ? '' : 's'}`;
  const when =
    withinMs === undefined
      ? ''
      : withinMs === 0
        ? ' without a pause'
        : ` after ${String(Math.ceil(withinMs))} ms at most`;
  return `If ${what}, ${who}${when}: ${whyOf(because)}.`;
}

function whyOf(because: GroupForecastReason): string {
  switch (because.kind) {
    case 'both-go-on':
      return 'both copies are there and in contact';
    case 'owner-goes-on':
      return because.orderTakenBack
        ? `node ${because.owner} owns the group and takes the order of writes back`
        : `node ${because.owner} owns the group already, with the complete copy`;
    case 'complete-copy-lost':
      return `only node ${because.owner} has every acknowledged write, and an old copy never serves`;
    case 'hands-over':
      return `node ${because.from} stops and hands over to node ${because.to}, which needs no witness`;
    case 'no-sound-copy':
      return 'no sound copy is left';
    case 'wins':
      return `it may go on by ${because.by}, and is first with health ${because.level}`;
    case 'nobody-may':
      return `nobody may go on by ${because.by}`;
    case 'committed':
      return `the roles have passed to node ${because.to}, which may not have heard of it`;
    case 'undecided':
      return `this node is ${because.mode} and decides nothing by itself`;
  }
}
