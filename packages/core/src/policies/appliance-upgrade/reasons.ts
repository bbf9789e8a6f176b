import { explainWith } from '../../kernel/explain.js';
import type { DurationMs } from '../../kernel/time.js';
import type { UpgradeDirection, UpgradeEnd, UpgradeStep } from './types.js';

/** Why an effect was wished: a name and the numbers that decided. `explainUpgrade` makes a sentence of it. */
export type UpgradeReason =
  | {
      readonly kind: 'step';
      readonly step: UpgradeStep;
      readonly direction: UpgradeDirection;
      readonly position: number;
      readonly of: number;
      readonly attempt: number;
    }
  | { readonly kind: 'record'; readonly step: UpgradeStep; readonly direction: UpgradeDirection }
  | {
      readonly kind: 'delta';
      readonly pass: number;
      readonly movedBytes: number;
      readonly estimateMs: DurationMs;
      readonly limitMs: DurationMs;
      readonly verdict: string;
    }
  | {
      readonly kind: 'step-failed';
      readonly step: UpgradeStep;
      readonly detail: string;
      readonly attempt: number;
      readonly retryMs: DurationMs;
    }
  | { readonly kind: 'whole-copy'; readonly volume: string; readonly detail: string }
  | {
      readonly kind: 'goes-back';
      readonly step: UpgradeStep;
      readonly detail: string;
      readonly revert: string;
    }
  | { readonly kind: 'fences'; readonly detail: string }
  | {
      readonly kind: 'switched';
      readonly downtimeMs: DurationMs;
      readonly budgetMs: DurationMs;
      readonly identityEpoch: number;
    }
  | { readonly kind: 'awaits-word'; readonly windowMs: DurationMs }
  | { readonly kind: 'committed'; readonly by: 'operator' | 'window' }
  | { readonly kind: 'ended'; readonly end: UpgradeEnd; readonly steps: number; readonly detail: string }
  | { readonly kind: 'snapshot-invalid'; readonly volume: string; readonly detail: string }
  | { readonly kind: 'appliance-lost'; readonly appliance: string; readonly then: string }
  | { readonly kind: 'command'; readonly detail: string }
  | { readonly kind: 'resumes'; readonly step: UpgradeStep; readonly direction: UpgradeDirection }
  | { readonly kind: 'persist-failed'; readonly detail: string; readonly retryMs: DurationMs };

const seconds = (span: DurationMs): string => `${String(Math.round(span) / 1_000)} s`;

const say = explainWith<UpgradeReason>({
  step: (it) =>
    `step ${it.position} of ${it.of} ${it.direction === 'forward' ? 'forward' : 'back'}: ${it.step}${it.attempt > 1 ? `, attempt ${it.attempt}` : ''}`,
  record: (it) => `${it.step} is about to begin (${it.direction}), and a crash must not forget that`,
  delta: (it) =>
    `pass ${it.pass} moved ${it.movedBytes} bytes; the last delta would take ${seconds(it.estimateMs)} of at most ${seconds(it.limitMs)}: ${it.verdict}`,
  'step-failed': (it) =>
    `${it.step} has failed (${it.detail}), attempt ${it.attempt}; it is tried again in ${seconds(it.retryMs)}`,
  'whole-copy': (it) => `${it.volume} is copied whole again: ${it.detail}`,
  'goes-back': (it) =>
    `everything goes back, ${it.revert === 'snapshot' ? 'to the byte of the snapshots' : 'by removing what was added'}, because ${it.step} has failed: ${it.detail}`,
  fences: (it) =>
    `the second appliance does not confirm that it has stopped (${it.detail}), so it is cut off, and the first one stays stopped until that is certain`,
  switched: (it) =>
    `the second appliance serves under identity epoch ${it.identityEpoch}; nobody was served for ${seconds(it.downtimeMs)} of at most ${seconds(it.budgetMs)}`,
  'awaits-word': (it) =>
    `the new version waits for a word: until it is committed, everything can go back, within ${seconds(it.windowMs)}`,
  committed: (it) =>
    `the upgrade is committed by ${it.by === 'operator' ? 'the operator' : 'the end of the window'}; from here it goes forward only`,
  ended: (it) =>
    `the upgrade has ended after ${it.steps} steps: ${it.end}${it.detail === '' ? '' : ` (${it.detail})`}`,
  'snapshot-invalid': (it) => `the snapshot of ${it.volume} is not whole any more: ${it.detail}`,
  'appliance-lost': (it) => `the ${it.appliance} appliance is lost, so ${it.then}`,
  command: (it) => it.detail,
  resumes: (it) => `after a restart, ${it.step} is the step in doubt (${it.direction})`,
  'persist-failed': (it) =>
    `the record could not be written (${it.detail}); no step begins, and it is written again in ${seconds(it.retryMs)}`,
});

/** One English sentence for operators, with the numbers that decided. */
export function explainUpgrade(because: UpgradeReason): string {
  const text = say(because);
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
