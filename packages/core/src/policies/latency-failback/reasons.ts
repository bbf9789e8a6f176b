import { explainWith } from '../../kernel/explain.js';
import type { DurationMs } from '../../kernel/time.js';
import type { FailbackCopy, FailbackLock, FailbackPhase, FailbackSite } from './types.js';

/** Why an effect was wished: a name and the numbers that decided. `explainFailback` makes a sentence of it. */
export type LatencyFailbackReason =
  | { readonly kind: 'started'; readonly epoch: number; readonly activeSite: FailbackSite }
  | {
      readonly kind: 'epoch-adopted';
      readonly epoch: number;
      readonly ownEpoch: number;
      readonly activeSite: FailbackSite;
      readonly completeCopy: FailbackCopy;
      readonly from: string;
    }
  | { readonly kind: 'epoch-confirmed'; readonly epoch: number; readonly phase: FailbackPhase }
  | { readonly kind: 'epoch-old'; readonly epoch: number; readonly ownEpoch: number; readonly from: string }
  | {
      readonly kind: 'recovery-due';
      readonly full: boolean;
      readonly linkUpMs: DurationMs;
      readonly attempt: number;
    }
  | { readonly kind: 'recovery-stopped'; readonly detail: string }
  | {
      readonly kind: 'recovery-failed';
      readonly detail: string;
      readonly failures: number;
      readonly maxRecoveries: number;
      readonly retryMs: DurationMs;
    }
  | { readonly kind: 'recovery-started'; readonly outOfSyncBytes: number; readonly generation: number }
  | { readonly kind: 'synced'; readonly then: 'failback' | 'stay' }
  | { readonly kind: 'probe-due'; readonly windowMs: DurationMs }
  | {
      readonly kind: 'faster-at-home';
      readonly recordedUs: number;
      readonly expectedUs: number;
      readonly thresholdUs: number;
      readonly missShare: number;
      readonly agreeing: number;
      readonly windows: number;
      readonly toEpoch: number;
    }
  | { readonly kind: 'in-sync'; readonly toEpoch: number }
  | { readonly kind: 'ordered'; readonly toEpoch: number; readonly outOfSyncBytes: number }
  | {
      readonly kind: 'withheld';
      readonly guard: string;
      readonly actual: number;
      readonly needed: number;
      readonly sentence: string;
    }
  | { readonly kind: 'intent'; readonly operationId: string; readonly toEpoch: number }
  | { readonly kind: 'pin'; readonly outOfSyncBytes: number; readonly epoch: number }
  | { readonly kind: 'quiesce'; readonly maxQuiesceMs: DurationMs }
  | { readonly kind: 'hand-over-map'; readonly outOfSyncBytes: number; readonly generation: number }
  | {
      readonly kind: 'commit';
      readonly fromEpoch: number;
      readonly toEpoch: number;
      readonly outOfSyncBytes: number;
    }
  | {
      readonly kind: 'redirected';
      readonly epoch: number;
      readonly heldMs: DurationMs;
      readonly outOfSyncBytes: number;
    }
  | {
      readonly kind: 'aborted';
      readonly detail: string;
      readonly stage: string;
      readonly retryMs: DurationMs;
    }
  | { readonly kind: 'operation-refused'; readonly by: string }
  | { readonly kind: 'too-late-to-abort'; readonly by: string; readonly toEpoch: number }
  | {
      readonly kind: 'operation-over';
      readonly operationId: string;
      readonly outcome: 'committed' | 'aborted';
    }
  | { readonly kind: 'complete'; readonly epoch: number }
  | { readonly kind: 'phase'; readonly phase: FailbackPhase; readonly epoch: number }
  | { readonly kind: 'primary-failed'; readonly detail: string; readonly outOfSyncBytes: number }
  | { readonly kind: 'secondary-unreached'; readonly detail: string; readonly outOfSyncBytes: number }
  | { readonly kind: 'secondary-ended'; readonly how: string; readonly inSyncOnly: boolean }
  | { readonly kind: 'no-complete-copy'; readonly outOfSyncBytes: number }
  | { readonly kind: 'map-lost'; readonly site: FailbackSite }
  | {
      readonly kind: 'slower-at-home';
      readonly measuredUs: number;
      readonly recordedUs: number;
      readonly expectedUs: number;
      readonly windows: number;
      readonly dwellLeftMs: DurationMs;
    }
  | { readonly kind: 'locked'; readonly by: FailbackLock; readonly count: number; readonly limit: number }
  | { readonly kind: 'command'; readonly command: string; readonly detail: string }
  | { readonly kind: 'persist-failed'; readonly detail: string; readonly retryMs: DurationMs };

const ms = (span: DurationMs): string => `${Math.round(span)} ms`;
const us = (span: number): string => `${Math.round(span)} us`;
const percent = (share: number): string => `${Math.round(share * 1000) / 10} %`;

const copies: Readonly<Record<FailbackCopy, string>> = {
  primary: 'the primary copy alone is complete',
  secondary: 'the secondary copy alone is complete',
  both: 'both copies are complete',
};

const locks: Readonly<Record<FailbackLock, string>> = {
  moves: 'the active site has changed',
  aborts: 'redirects were given up in a row',
  recoveries: 'recoveries failed in a row',
};

const say = explainWith<LatencyFailbackReason>({
  started: (it) =>
    `the record says that the ${it.activeSite} is active in epoch ${it.epoch}; nothing is served until that is known to be the highest`,
  'epoch-adopted': (it) =>
    `the ${it.activeSite} is active in epoch ${it.epoch}, above ${it.ownEpoch} here, says the ${it.from}; ${copies[it.completeCopy]}`,
  'epoch-confirmed': (it) => `nobody knows an epoch above ${it.epoch}, so the record counts: ${it.phase}`,
  'epoch-old': (it) => `the ${it.from} speaks of epoch ${it.epoch}, which ${it.ownEpoch} has replaced`,
  'recovery-due': (it) =>
    `the primary is healthy and the link has held for ${ms(it.linkUpMs)}: ${it.full ? 'everything' : 'what is out of sync'} is copied home (attempt ${it.attempt})`,
  'recovery-stopped': (it) => `copying home stops: ${it.detail}`,
  'recovery-failed': (it) =>
    `copying home has failed ${it.failures} of at most ${it.maxRecoveries} times (${it.detail}); again in ${ms(it.retryMs)}`,
  'recovery-started': (it) =>
    `map ${it.generation} shows ${it.outOfSyncBytes} bytes out of sync at the primary`,
  synced: (it) =>
    `nothing is out of sync: I/O ${it.then === 'failback' ? 'goes home as soon as the guards allow' : 'stays until latency or an operator sends it home'}`,
  'probe-due': (it) => `latencies of both sites are measured anew for each window of ${ms(it.windowMs)}`,
  'faster-at-home': (it) =>
    `hosts see ${us(it.recordedUs)} at the secondary and would see ${us(it.expectedUs)} at home with ${percent(it.missShare)} of the accesses out of sync; that is within ${us(it.thresholdUs)} in ${it.agreeing} of ${it.windows} windows, so I/O goes home in epoch ${it.toEpoch}`,
  'in-sync': (it) => `nothing is out of sync, so I/O goes home in epoch ${it.toEpoch}`,
  ordered: (it) =>
    `an operator sends I/O home in epoch ${it.toEpoch}, with ${it.outOfSyncBytes} bytes out of sync`,
  withheld: (it) => `I/O stays at the secondary although home would be faster: ${it.sentence}`,
  intent: (it) => `the redirect ${it.operationId} to epoch ${it.toEpoch} is written down before it begins`,
  pin: (it) =>
    `with ${it.outOfSyncBytes} bytes out of sync only the secondary may survive epoch ${it.epoch}, whoever is preferred`,
  quiesce: (it) => `hosts are held for at most ${ms(it.maxQuiesceMs)}`,
  'hand-over-map': (it) =>
    `the primary must know what it may not read: ${it.outOfSyncBytes} bytes, by map ${it.generation}, durable at both sites`,
  commit: (it) =>
    `the primary becomes active in epoch ${it.toEpoch} after ${it.fromEpoch} with ${it.outOfSyncBytes} bytes out of sync; from here there is no way back`,
  redirected: (it) =>
    `the primary serves in epoch ${it.epoch} after ${ms(it.heldMs)}; ${it.outOfSyncBytes} bytes are still read from the secondary`,
  aborted: (it) =>
    `the redirect is given up at "${it.stage}" (${it.detail}), and the secondary serves as before; not again within ${ms(it.retryMs)}`,
  'operation-refused': (it) =>
    `the redirect was refused, since ${it.by} has the group; it is asked for again when new windows say so`,
  'too-late-to-abort': (it) =>
    `epoch ${it.toEpoch} may be on the disk already, so ${it.by} gets the group after the commit`,
  'operation-over': (it) => `the redirect ${it.operationId} is ${it.outcome}`,
  complete: (it) =>
    `nothing is out of sync in epoch ${it.epoch}: both copies are complete, and preference counts again`,
  phase: (it) => `the group is ${it.phase} in epoch ${it.epoch}`,
  'primary-failed': (it) =>
    `the primary has failed (${it.detail}) with ${it.outOfSyncBytes} bytes out of sync; the secondary has everything and should take over`,
  'secondary-unreached': (it) =>
    `the secondary cannot be reached (${it.detail}) and may serve alone, so the primary stops; ${it.outOfSyncBytes} bytes were out of sync`,
  'secondary-ended': (it) =>
    it.inSyncOnly
      ? `the secondary has ended (${it.how}) and nobody has taken over: blocks in sync can be read, writes and all other reads wait`
      : `the secondary has ended (${it.how}): nothing is served until it is back`,
  'no-complete-copy': (it) =>
    `the secondary has failed, and ${it.outOfSyncBytes} bytes are out of sync at the primary, which must not serve`,
  'map-lost': (it) =>
    `the map of what is out of sync is lost at the ${it.site}: every block counts as out of sync, and everything is copied`,
  'slower-at-home': (it) =>
    `hosts see ${us(it.measuredUs)} at home, ${us(it.expectedUs)} were expected, and ${us(it.recordedUs)} they had at the secondary, in most of ${it.windows} windows; I/O stays home, and nothing moves by itself for ${ms(it.dwellLeftMs)}`,
  locked: (it) =>
    `${locks[it.by]} ${it.count} times, and ${it.limit} are allowed: from now on only an operator sends I/O home or unlocks`,
  command: (it) => `command ${it.command}: ${it.detail}`,
  'persist-failed': (it) =>
    `the record could not be written (${it.detail}); nothing that needs it happens, and it is written again in ${ms(it.retryMs)}`,
});

/** One English sentence for operators, with the numbers that decided. */
export function explainFailback(because: LatencyFailbackReason): string {
  const text = say(because);
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
