import { explainWith } from '../../kernel/explain.js';
import type { DurationMs } from '../../kernel/time.js';
import type { SwapLock, SwapPhase, SwapSeverity, SwapSite } from './types.js';

/** Why an effect was wished: a name and the numbers that decided. `explainSwap` makes a sentence of it. */
export type SwapRecoveryReason =
  | { readonly kind: 'started'; readonly epoch: number; readonly activeSite: SwapSite; readonly open: number }
  | { readonly kind: 'epoch'; readonly epoch: number; readonly ownEpoch: number; readonly phase: SwapPhase }
  | {
      readonly kind: 'swap';
      readonly site: SwapSite;
      readonly severity: SwapSeverity;
      readonly token: string;
      /** Absent: the storage did not say. */
      readonly estimatedDelayMs?: number;
      readonly thresholdMs: DurationMs;
      readonly toEpoch: number;
    }
  | { readonly kind: 'no-swap'; readonly token: string; readonly guard: string; readonly sentence: string }
  | {
      readonly kind: 'condition';
      readonly site: SwapSite;
      readonly token: string;
      readonly open: number;
      readonly detail: string;
    }
  | { readonly kind: 'hosts-failed'; readonly hosts: number; readonly toEpoch: number }
  | { readonly kind: 'commit'; readonly site: SwapSite; readonly fromEpoch: number; readonly toEpoch: number }
  | {
      readonly kind: 'swapped';
      readonly site: SwapSite;
      readonly epoch: number;
      readonly frozenMs: DurationMs;
    }
  | {
      readonly kind: 'unswapped';
      readonly site: SwapSite;
      readonly epoch: number;
      readonly stage: string;
      readonly detail: string;
    }
  | {
      readonly kind: 'operation-over';
      readonly operationId: string;
      readonly outcome: 'committed' | 'aborted';
    }
  | { readonly kind: 'poll'; readonly site: SwapSite; readonly open: number; readonly pollMs: DurationMs }
  | { readonly kind: 'phase'; readonly phase: SwapPhase; readonly detail: string }
  | {
      readonly kind: 'restart';
      readonly from: SwapSite;
      readonly to: SwapSite;
      readonly stableForMs: DurationMs;
      readonly full: boolean;
      readonly errorTracks: number;
      readonly restart: number;
      readonly maxRestarts: number;
    }
  | { readonly kind: 'mirror-suspended'; readonly token: string; readonly severity: SwapSeverity }
  | { readonly kind: 'duplex'; readonly from: SwapSite; readonly to: SwapSite; readonly epoch: number }
  | { readonly kind: 'swap-disabled'; readonly sentence: string }
  | { readonly kind: 'no-complete-copy'; readonly site: SwapSite; readonly detail: string }
  | { readonly kind: 'bad-second'; readonly site: SwapSite; readonly token: string; readonly open: number }
  | { readonly kind: 'full-copy'; readonly detail: string }
  | { readonly kind: 'tracks-lost'; readonly site: SwapSite; readonly extents: number }
  | {
      readonly kind: 'locked';
      readonly by: SwapLock;
      readonly count: number;
      readonly limit: number;
      readonly windowMs: DurationMs;
    }
  | { readonly kind: 'command'; readonly command: string; readonly detail: string }
  | { readonly kind: 'persist-failed'; readonly detail: string; readonly retryMs: DurationMs };

const ms = (span: DurationMs): string => `${Math.round(span)} ms`;

const say = explainWith<SwapRecoveryReason>({
  started: (it) =>
    `the record says that the ${it.activeSite} site is active in epoch ${it.epoch}, with ${it.open} open conditions; nothing is decided until that is known to be the highest epoch`,
  epoch: (it) => `epoch ${it.epoch} counts (${it.ownEpoch} stood here), and the group is ${it.phase}`,
  swap: (it) =>
    `the ${it.site} site reports ${it.severity} condition ${it.token} with ${it.estimatedDelayMs === undefined ? 'no word on the delay' : `a delay of ${ms(it.estimatedDelayMs)}, above ${ms(it.thresholdMs)}`}: I/O swaps to the other site in epoch ${it.toEpoch}`,
  'no-swap': (it) => `condition ${it.token} does not swap: ${it.sentence}`,
  condition: (it) => `condition ${it.token} at the ${it.site} site ${it.detail}; ${it.open} are open there`,
  'hosts-failed': (it) =>
    `a count of ${it.hosts} hosts could not swap: they are fenced before epoch ${it.toEpoch} begins, not left behind`,
  commit: (it) =>
    `all hosts go to the ${it.site} site in epoch ${it.toEpoch} after ${it.fromEpoch}; from here there is no way back`,
  swapped: (it) =>
    `the ${it.site} site serves in epoch ${it.epoch}; hosts were frozen for ${ms(it.frozenMs)}, and the other copy is old from now on`,
  unswapped: (it) =>
    `the swap is undone at "${it.stage}" (${it.detail}): hosts go on at the ${it.site} site in epoch ${it.epoch}`,
  'operation-over': (it) => `the swap ${it.operationId} is ${it.outcome}`,
  poll: (it) =>
    `the ${it.site} site is asked what is open there (${it.open} by its messages), every ${ms(it.pollMs)}: messages may be lost`,
  phase: (it) => `the group is ${it.phase}: ${it.detail}`,
  restart: (it) =>
    `nothing was open for ${ms(it.stableForMs)}: the ${it.from} site mirrors ${it.full ? 'everything' : `what has changed and ${it.errorTracks} damaged extents`} to the ${it.to} site (restart ${it.restart} of ${it.maxRestarts})`,
  'mirror-suspended': (it) =>
    `mirroring back is suspended, and the change map kept: ${it.severity} condition ${it.token} has been reported`,
  duplex: (it) =>
    `both copies are equal in epoch ${it.epoch}: a swap from the ${it.from} site to the ${it.to} site is possible`,
  'swap-disabled': (it) => `no swap is possible: ${it.sentence}`,
  'no-complete-copy': (it) =>
    `the ${it.site} site has the only complete copy and cannot serve (${it.detail}); the other copy is old and must not serve without force`,
  'bad-second': (it) =>
    `the active ${it.site} site reports condition ${it.token} (${it.open} open there), and the other copy is old: I/O stays, there is nowhere to swap to`,
  'full-copy': (it) => `everything will be copied, not only what has changed: ${it.detail}`,
  'tracks-lost': (it) =>
    `the ${it.site} site has lost ${it.extents} extents: they are overwritten from the other copy, whatever the change map says`,
  locked: (it) =>
    `the limit of ${it.limit} ${it.by} in ${ms(it.windowMs)} is reached with ${it.count}: from now on only an operator unlocks`,
  command: (it) => `command ${it.command}: ${it.detail}`,
  'persist-failed': (it) =>
    `the record could not be written (${it.detail}); nothing that needs it happens, and it is written again in ${ms(it.retryMs)}`,
});

/** One English sentence for operators, with the numbers that decided. */
export function explainSwap(because: SwapRecoveryReason): string {
  const text = say(because);
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
