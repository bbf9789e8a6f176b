import type { DeltaVerdict } from './delta.js';
import type { ApplianceUpgradeOptions } from './options.js';
import type { UpgradeRecord, UpgradeStep } from './types.js';

/** The step that waits for an operator's word. */
export const CONFIRM = 'confirm';

/** Every step forward, in order. The passes of the delta loop are as many as it takes. */
export function forwardProgram(record: UpgradeRecord, verdict: DeltaVerdict): readonly UpgradeStep[] {
  const { plan, passes } = record;
  const isClose = verdict.kind === 'switch-over';
  const count = passes.length + (isClose ? 0 : 1);
  const deltas = Array.from({ length: count }, (_, index) => `send-delta:${String(index + 1)}`);
  const before = [
    'take-lock',
    'precheck',
    'deploy-second',
    'snapshot',
    ...plan.volumes.map((volume) => `sync-base:${volume}`),
    ...plan.scripts.map((script) => `expand:${script}`),
    'self-test-first',
    ...deltas,
  ];
  if (!isClose) return before;
  const ha = plan.isHighlyAvailable;
  return [
    ...before,
    ...(ha ? ['undeploy-ha'] : []),
    'quiesce-first',
    'send-final-delta',
    'verify-replica',
    'take-identity',
    'start-second',
    'check-second',
    CONFIRM,
    'contract-second',
    ...(ha ? ['redeploy-ha'] : []),
    'clean-up',
    'release-lock',
  ];
}

/**
 * Every step back, the reverse of what may have happened: services, identity, volumes. The first appliance starts only when the second
 * has stopped for certain and the identity is back.
 */
export function backProgram(
  record: UpgradeRecord,
  options: Pick<ApplianceUpgradeOptions, 'revert'>,
): readonly UpgradeStep[] {
  const { plan, begun, done, invalidSnapshots, lost, isFencing } = record;
  const has = (step: UpgradeStep): boolean => begun.includes(step);
  const wasExpanded = plan.scripts.some((script) => has(`expand:${script}`));
  const mayRunSecond = has('start-second') && !lost.includes('second');
  // Fencing takes the place of an end that the second appliance did not confirm.
  const end = mayRunSecond ? [isFencing ? 'fence-second' : 'stop-second'] : [];
  const isContracted = options.revert === 'contract' || invalidSnapshots.length > 0;
  const volumes = isContracted ? ['contract-first'] : plan.volumes.map((volume) => `revert-volume:${volume}`);
  // Begun is not done: a stop that nobody confirmed is done again.
  const mustStop = wasExpanded && !isContracted && !done.includes('quiesce-first');
  const mustStart = has('quiesce-first') || (wasExpanded && !isContracted);
  return [
    ...end,
    ...(has('take-identity') ? ['return-identity'] : []),
    ...(mustStop ? ['stop-first'] : []),
    ...(wasExpanded ? volumes : []),
    ...(mustStart ? ['start-first', 'check-first'] : []),
    ...(has('undeploy-ha') ? ['redeploy-ha'] : []),
    ...(has('deploy-second') ? ['discard-second'] : []),
    ...(has('snapshot') ? ['discard-snapshots'] : []),
    ...(has('take-lock') ? ['release-lock'] : []),
  ];
}
