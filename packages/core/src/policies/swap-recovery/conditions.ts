import { isAtLeast, considerSwap } from './swap.js';
import { suspendMirror } from './restart.js';
import { openAt, otherSite, wantedSwapRecord } from './state.js';
import type { SwapTurn } from './turn.js';
import type { SwapCondition, SwapRecoveryFact, SwapSite } from './types.js';

type Reported = Extract<SwapRecoveryFact, { kind: 'health-reported' }>;

const sameKey = (one: SwapCondition, other: Pick<SwapCondition, 'site' | 'codeClass' | 'token'>): boolean =>
  one.site === other.site && one.codeClass === other.codeClass && one.token === other.token;

/** A storage speaks of its health. Hundreds of messages with one token are one condition. */
export function onHealthReported(turn: SwapTurn, fact: Reported): void {
  const { estimatedDelayMs, site, codeClass, token, severity, report } = fact;
  if (estimatedDelayMs !== undefined && !(Number.isFinite(estimatedDelayMs) && estimatedDelayMs >= 0)) {
    turn.absorb('not-a-number');
    return;
  }
  const known = turn.state.conditions.find((one) => sameKey(one, fact));
  if (report === 'resolved') {
    if (known === undefined) turn.absorb('duplicate');
    else close(turn, known, 'is resolved');
    return;
  }
  const isNews =
    known === undefined || known.severity !== severity || known.estimatedDelayMs !== estimatedDelayMs;
  const condition: SwapCondition = {
    site,
    codeClass,
    token,
    severity,
    ...(estimatedDelayMs === undefined ? {} : { estimatedDelayMs }),
    messages: (known?.messages ?? 0) + 1,
  };
  if (!isNews) {
    turn.absorb('duplicate');
    turn.patch({ conditions: turn.state.conditions.map((one) => (one === known ? condition : one)) });
    return;
  }
  open(turn, condition);
}

function open(turn: SwapTurn, condition: SwapCondition): void {
  const kept = turn.state.conditions.filter((one) => !sameKey(one, condition));
  turn.patch({ conditions: [...kept, condition], cleanAskedAt: undefined });
  const { site, token, severity } = condition;
  const because = {
    kind: 'condition',
    site,
    token,
    open: openAt(turn.state, site).length,
    detail: `is ${severity} and open`,
  } as const;
  turn.save({ ...wantedSwapRecord(turn.state), conditions: turn.state.conditions }, 'nothing', because);
  turn.report('info', because);
  const { record, phase, tuning } = turn.state;
  if (site === record.activeSite) {
    if (record.protection === 'duplex') considerSwap(turn, condition);
    else turn.report('alarm', { kind: 'bad-second', site, token, open: because.open });
  } else if (phase === 'remirroring' && isAtLeast(severity, tuning.swapSeverity)) {
    suspendMirror(turn, { kind: 'mirror-suspended', token, severity });
  }
}

export function close(turn: SwapTurn, condition: SwapCondition, detail: string): void {
  turn.patch({ conditions: turn.state.conditions.filter((one) => one !== condition) });
  const { site, token } = condition;
  const because = { kind: 'condition', site, token, open: openAt(turn.state, site).length, detail } as const;
  turn.save({ ...wantedSwapRecord(turn.state), conditions: turn.state.conditions }, 'nothing', because);
  turn.report('info', because);
}

/** Everything that is open there now: messages in both directions may have been lost, this list is evidence. */
export function onHealthListed(
  turn: SwapTurn,
  fact: Extract<SwapRecoveryFact, { kind: 'health-listed' }>,
): void {
  const { polling, record } = turn.state;
  if (polling?.effect !== fact.effect) {
    turn.absorb('answer-not-awaited');
    return;
  }
  const site: SwapSite = otherSite(record.activeSite);
  turn.patch({ polling: undefined });
  const listed = fact.open.map((one): SwapCondition => ({ ...one, site, messages: 1 }));
  for (const known of openAt(turn.state, site))
    if (!listed.some((one) => sameKey(known, one)))
      close(turn, known, 'is not open any more, by the list of the storage');
  for (const one of listed) if (!turn.state.conditions.some((known) => sameKey(known, one))) open(turn, one);
  if (listed.length === 0) turn.patch({ cleanAskedAt: polling.askedAt });
}
