import type { Millis } from '../../kernel/time.js';
import type { MediatorFallbackState, OwnSight } from './state.js';
import type { Turn } from './turn.js';
import type { MediatorProbeAnswer, MediatorSight } from './types.js';

/** One answer more about a mediator. Both ways take a number of equal answers in a row and a time: a flapping one moves nothing. */
export function onProbed(turn: Turn, effect: string, answer: MediatorProbeAnswer): void {
  const { sights, self } = turn.state;
  const mediator = Object.keys(sights).find((id) => sights[id]?.probe === effect);
  const before = mediator === undefined ? undefined : sights[mediator];
  if (mediator === undefined || before === undefined) {
    turn.absorb('probed', 'that probe is over');
    return;
  }
  const { probe: _probe, ...rest } = before;
  const isOk = answer.kind === 'ok';
  const turns = isOk ? before.answers === 0 : before.fails === 0;
  const counted: OwnSight = {
    ...rest,
    answers: isOk ? before.answers + 1 : 0,
    fails: isOk ? 0 : before.fails + 1,
    since: turns ? turn.at : before.since,
  };
  const sight = nextSight(counted, turn.at, self.timing);
  turn.patch({ sights: { ...sights, [mediator]: { ...counted, sight } } });
  if (sight === before.sight) return;
  turn.report(sight === 'down' ? 'alarm' : 'info', {
    kind: 'sight',
    mediator,
    from: before.sight,
    to: sight,
    answers: counted.answers,
    fails: counted.fails,
    forMs: turn.at - counted.since,
    detail: answer.kind === 'failed' ? answer.detail : `${String(answer.rttMs)} ms`,
  });
  tellReport(turn);
}

function nextSight(
  { sight, answers, fails, since }: OwnSight,
  at: Millis,
  timing: MediatorFallbackState['self']['timing'],
): MediatorSight {
  if (answers > 0) {
    // A short absence that was never long enough to count leaves no trace.
    if (sight === 'reliable' || sight === 'failing') return 'reliable';
    const isLongEnough = at - since >= timing.reliableAfterMs;
    return answers >= timing.reliableAfterAnswers && isLongEnough ? 'reliable' : 'recovering';
  }
  if (sight === 'down' || sight === 'recovering') return 'down';
  return fails >= timing.downAfterFails && at - since >= timing.downAfterMs ? 'down' : 'failing';
}

export function probeDueAt({ sights, self }: MediatorFallbackState): Millis | undefined {
  const due = self.mediators.map((id) => {
    const sight = sights[id];
    if (sight === undefined) return 0;
    const { probeTimeoutMs, probeIntervalMs } = self.timing;
    return sight.probedAt + (sight.probe === undefined ? probeIntervalMs : probeTimeoutMs);
  });
  return Math.min(...due);
}

export function probeIfDue(turn: Turn): void {
  const { self } = turn.state;
  const { probeTimeoutMs, probeIntervalMs } = self.timing;
  for (const mediator of self.mediators) {
    const open = turn.state.sights[mediator];
    // Silence is an answer.
    if (open?.probe !== undefined && turn.at >= open.probedAt + probeTimeoutMs)
      onProbed(turn, open.probe, { kind: 'failed', detail: 'no answer' });
    const sight = turn.state.sights[mediator] ?? unseen(turn.at - probeIntervalMs);
    if (sight.probe !== undefined || turn.at < sight.probedAt + probeIntervalMs) continue;
    const probe = turn.wish(
      { kind: 'probe', mediator },
      { kind: 'probe-due', mediator, intervalMs: probeIntervalMs },
    );
    turn.patch({ sights: { ...turn.state.sights, [mediator]: { ...sight, probe, probedAt: turn.at } } });
  }
}

/** As if it had failed before: what has not been seen yet is not relied on, and not given up either. */
function unseen(probedAt: Millis): OwnSight {
  return { sight: 'failing', answers: 0, fails: 0, since: probedAt, probedAt };
}

export function ownSights({ sights }: MediatorFallbackState): Readonly<Record<string, MediatorSight>> {
  return Object.fromEntries(Object.entries(sights).map(([id, { sight }]) => [id, sight]));
}

export function tellReport(turn: Turn): void {
  const { connected, facts, self, record } = turn.state;
  const { generation } = record.partition;
  const { version } = record.current;
  const message = { kind: 'report', sights: ownSights(turn.state), facts, generation, version } as const;
  for (const to of connected) turn.send(to, message, { kind: 'report', node: self.nodeId });
  turn.patch({ reportedAt: turn.at });
}

export function reportDueAt({ connected, reportedAt, self }: MediatorFallbackState): Millis | undefined {
  return connected.length === 0 ? undefined : reportedAt + self.timing.probeIntervalMs;
}

/** How a mediator stands for all members that take part. `unknown`: somebody has not been heard of lately. */
export type Availability =
  | { readonly kind: 'reliable' | 'down' | 'unknown' | 'mixed' }
  | { readonly kind: 'partial'; readonly seeing: readonly string[]; readonly blind: readonly string[] };

export function availabilityOf(state: MediatorFallbackState, mediator: string): Availability {
  const seen = state.inSync.map((node) => [node, sightOf(state, node, mediator)] as const);
  const having = (sight: MediatorSight | undefined): string[] =>
    seen.filter(([, one]) => one === sight).map(([node]) => node);
  if (having(undefined).length > 0) return { kind: 'unknown' };
  if (having('reliable').length === seen.length) return { kind: 'reliable' };
  const blind = having('down');
  if (blind.length === seen.length) return { kind: 'down' };
  const seeing = having('reliable');
  return blind.length > 0 && seeing.length > 0 ? { kind: 'partial', seeing, blind } : { kind: 'mixed' };
}

function sightOf(state: MediatorFallbackState, node: string, mediator: string): MediatorSight | undefined {
  if (node === state.self.nodeId) return state.sights[mediator]?.sight;
  const report = state.reports[node];
  if (report === undefined || !state.connected.includes(node)) return undefined;
  return state.now - report.at > state.self.timing.reportFreshMs ? undefined : report.sights[mediator];
}
