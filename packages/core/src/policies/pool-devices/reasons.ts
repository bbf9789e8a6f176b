import { explainWith, type Sentences } from '../../kernel/explain.js';
import type { DurationMs } from '../../kernel/time.js';
import { refusalSentences, type PoolDevicesRefusalReason } from './refusals.js';
import type { PoolDevicesOutcome } from './types.js';
import type { PoolDeviceKind } from './views.js';

/** Why a job waits. It waits for as long as it takes; an operator may cancel it. */
export type PoolDevicesWait =
  | { readonly kind: 'wait-silent'; readonly appliances: readonly string[]; readonly detail: string }
  | { readonly kind: 'wait-pool'; readonly pool: string; readonly appliance: string; readonly state: string }
  | { readonly kind: 'wait-hands'; readonly devices: readonly string[]; readonly appliance: string }
  | { readonly kind: 'wait-claim'; readonly detail: string }
  | { readonly kind: 'wait-record'; readonly what: string; readonly detail: string }
  | {
      readonly kind: 'wait-retry';
      readonly what: string;
      readonly detail: string;
      readonly tries: number;
      readonly limit: number;
    };

/** Why a job that has begun goes back, or ends incomplete. */
export type PoolDevicesTrouble =
  | {
      readonly kind: 'command-given-up';
      readonly what: string;
      readonly code: string;
      readonly detail: string;
      readonly tries: number;
    }
  | { readonly kind: 'joined-faulted'; readonly devices: readonly string[]; readonly pool: string }
  | { readonly kind: 'devices-unknown'; readonly devices: readonly string[]; readonly pool: string }
  | { readonly kind: 'cancelled'; readonly jobId: string }
  | { readonly kind: 'in-two-pools'; readonly device: string; readonly places: readonly string[] }
  | { readonly kind: 'joined-otherwise'; readonly devices: readonly string[]; readonly pool: string };

/** Why an effect was wished. The sentence of any of them is `poolDevices.explain(effect)`. */
export type PoolDevicesReason =
  | PoolDevicesRefusalReason
  | PoolDevicesWait
  | PoolDevicesTrouble
  | { readonly kind: 'accepted'; readonly jobId: string; readonly job: string }
  | { readonly kind: 'asked-again'; readonly jobId: string; readonly state: string }
  | { readonly kind: 'not-written'; readonly detail: string }
  | { readonly kind: 'no-such-job'; readonly jobId: string }
  | { readonly kind: 'cancelling'; readonly jobId: string; readonly begun: boolean }
  | { readonly kind: 'look'; readonly appliance: string; readonly before: string }
  | { readonly kind: 'planned'; readonly jobId: string; readonly steps: readonly string[] }
  | {
      readonly kind: 'widened';
      readonly vdev: string;
      readonly asked: readonly string[];
      readonly also: readonly string[];
      readonly chassis: readonly string[];
    }
  | { readonly kind: 'last-log'; readonly pool: string; readonly isLatencySensitive: boolean }
  | { readonly kind: 'absent-legs'; readonly vdev: string; readonly legs: readonly string[] }
  | { readonly kind: 'import-degraded'; readonly pool: string; readonly missing: readonly string[] }
  | { readonly kind: 'claim'; readonly resources: number; readonly ttlMs: DurationMs }
  | { readonly kind: 'claim-renewal'; readonly intervalMs: DurationMs }
  | { readonly kind: 'claim-lost'; readonly resource: string; readonly holder: string }
  | { readonly kind: 'registry-behind'; readonly resource: string; readonly owner: string }
  | { readonly kind: 'rehearsal'; readonly pool: string; readonly units: number }
  | CommandReason<'leave'>
  | CommandReason<'join'>
  | CommandReason<'take-back'>
  | CommandReason<'put-back'>
  | { readonly kind: 'leg-leaves'; readonly device: string; readonly pool: string; readonly vdev: string }
  | {
      readonly kind: 'ghost';
      readonly device: string;
      readonly pool: string;
      readonly txg: number;
      readonly answered: readonly string[];
    }
  | {
      readonly kind: 'bring-up';
      readonly pool: string;
      readonly appliance: string;
      readonly withoutLog: boolean;
    }
  | { readonly kind: 'turned-back'; readonly because: PoolDevicesTrouble; readonly mode: string }
  | { readonly kind: 'goes-on-without'; readonly because: PoolDevicesTrouble }
  | { readonly kind: 'slow'; readonly what: string; readonly forMs: DurationMs; readonly donePercent: number }
  | { readonly kind: 'overdue'; readonly what: string; readonly forMs: DurationMs }
  | {
      readonly kind: 'recovered';
      readonly jobId: string;
      readonly begun: boolean;
      readonly direction: string;
    }
  | { readonly kind: 'give-up-claims'; readonly jobId: string; readonly outcome: PoolDevicesOutcome }
  | { readonly kind: 'persist-failed'; readonly detail: string; readonly retryMs: DurationMs }
  | {
      readonly kind: 'ended';
      readonly jobId: string;
      readonly outcome: PoolDevicesOutcome;
      readonly because?: PoolDevicesRefusalReason | PoolDevicesTrouble;
    };

interface CommandReason<Kind extends string> {
  readonly kind: Kind;
  readonly deviceKind: PoolDeviceKind;
  readonly layout: string;
  readonly devices: readonly string[];
  readonly pool: string;
  readonly appliance: string;
  /** Number of the unit, from 1, and of how many. */
  readonly unit: number;
  readonly units: number;
}

const list = (names: readonly string[]): string => names.join(', ');
const ms = (span: DurationMs): string => `${String(Math.round(span))} ms`;
const unit = (it: CommandReason<string>): string => `${it.layout} ${it.deviceKind} ${list(it.devices)}`;
const place = (it: CommandReason<string>): string =>
  `pool ${it.pool} on ${it.appliance} (${String(it.unit)} of ${String(it.units)})`;

const outcomes: Readonly<Record<PoolDevicesOutcome, string>> = {
  done: 'everything was done',
  partial: 'a part was done',
  unchanged: 'nothing was changed',
  restored: 'everything is back where it was',
  'left-free': 'the devices are in no pool',
  stuck: 'it can go neither forward nor back, and a person has to look',
};

const waits: Sentences<PoolDevicesWait> = {
  'wait-silent': (it) =>
    `waits, because ${list(it.appliances)} did not answer (${it.detail}), and silence proves nothing`,
  'wait-pool': (it) => `waits, because pool ${it.pool} on ${it.appliance} is ${it.state}`,
  'wait-hands': (it) =>
    `waits until somebody has brought ${list(it.devices)} to where ${it.appliance} sees it`,
  'wait-claim': (it) => `waits for the registry: ${it.detail}`,
  'wait-record': (it) => `${it.what} waits for the record that has to be written first (${it.detail})`,
  'wait-retry': (it) =>
    `${it.what} did not come about (${it.detail}); try ${it.tries} of ${it.limit} is over, the next follows`,
};

const troubles: Sentences<PoolDevicesTrouble> = {
  'command-given-up': (it) =>
    `${it.what} was refused (${it.code}: ${it.detail}) after ${it.tries} ${it.tries === 1 ? 'try' : 'tries'}`,
  'joined-faulted': (it) => `${list(it.devices)} joined pool ${it.pool} and are faulted there`,
  'devices-unknown': (it) => `pool ${it.pool} lists no ${list(it.devices)}`,
  cancelled: (it) => `job ${it.jobId} was cancelled`,
  'in-two-pools': (it) =>
    `device ${it.device} is in two pools at once (${list(it.places)}); nothing is touched until a person has taken it out of one`,
  'joined-otherwise': (it) => `${list(it.devices)} are in pool ${it.pool}, but not as this job adds them`,
};

const inner = explainWith<PoolDevicesRefusalReason | PoolDevicesWait | PoolDevicesTrouble>({
  ...refusalSentences,
  ...waits,
  ...troubles,
});

const say = explainWith<PoolDevicesReason>({
  ...refusalSentences,
  ...waits,
  ...troubles,
  accepted: (it) => `job ${it.jobId} (${it.job}) is written down; how it ends will be reported`,
  'asked-again': (it) => `job ${it.jobId} was asked for before and is ${it.state}`,
  'not-written': (it) =>
    `the request could not be written down (${it.detail}); nothing has happened, ask again`,
  'no-such-job': (it) => `nobody has asked for job ${it.jobId}`,
  cancelling: (it) =>
    it.begun
      ? `job ${it.jobId} goes back as soon as the command under way has ended`
      : `job ${it.jobId} is cancelled before anything was changed`,
  look: (it) => `appliance ${it.appliance} is inspected ${it.before}`,
  planned: (it) => `job ${it.jobId} will do: ${it.steps.join('; ')}`,
  widened: (it) =>
    `${list(it.asked)} cannot leave ${it.vdev} alone, so ${list(it.also)} of chassis ${list(it.chassis)} leaves as well`,
  'last-log': (it) =>
    `pool ${it.pool} keeps no log device; synchronous writes go to its data devices${it.isLatencySensitive ? ', and a data set of it counts on the log for its latency' : ''}`,
  'absent-legs': (it) =>
    `${it.vdev} leaves although ${list(it.legs)} cannot be seen; the label there is cleared when the device returns and is added`,
  'import-degraded': (it) => `pool ${it.pool} comes up without ${list(it.missing)}`,
  claim: (it) =>
    `${it.resources} devices and pools are claimed for ${ms(it.ttlMs)}, renewed while the job runs`,
  'claim-renewal': (it) => `the claim is renewed, as every ${ms(it.intervalMs)}`,
  'claim-lost': (it) =>
    `${it.resource} is claimed by ${it.holder} although this job has begun; no command is sent until the claim is back`,
  'registry-behind': (it) =>
    `the registry still says that ${it.resource} belongs to ${it.owner}, which answered and does not have it`,
  rehearsal: (it) => `pool ${it.pool} is asked for a dry run of ${it.units} additions before anything leaves`,
  leave: (it) => `${unit(it)} leaves ${place(it)}`,
  join: (it) => `${unit(it)} joins ${place(it)}; its labels are free, and no pool lists it`,
  'take-back': (it) => `${unit(it)} leaves ${place(it)} again`,
  'put-back': (it) => `${unit(it)} goes back to ${place(it)}, with the profile that it had`,
  'leg-leaves': (it) => `leg ${it.device} of ${it.vdev} leaves pool ${it.pool}, which keeps the other one`,
  ghost: (it) =>
    `the label of ${it.device} names pool ${it.pool} and transaction group ${it.txg}, but that pool is imported and does not list it (${list(it.answered)} answered): the label is cleared`,
  'bring-up': (it) =>
    `pool ${it.pool} is imported on ${it.appliance}${it.withoutLog ? ' without its log device, by consent' : ', which replays its log'}`,
  'turned-back': (it) => `the job turns back (${it.mode}): ${inner(it.because)}`,
  'goes-on-without': (it) => `the job goes on without it: ${inner(it.because)}`,
  slow: (it) => `${it.what} runs for ${ms(it.forMs)} (${it.donePercent} % done); it goes on`,
  overdue: (it) => `${it.what} has no outcome after ${ms(it.forMs)}; the appliances are inspected`,
  recovered: (it) =>
    `job ${it.jobId} was under way (${it.begun ? `${it.direction}, commands were sent` : 'nothing was sent'}); it goes on from what the appliances say`,
  'give-up-claims': (it) => `job ${it.jobId} has ended (${it.outcome}), so its claims end`,
  'persist-failed': (it) =>
    `the record could not be written (${it.detail}); nothing that needs it happens, and it is tried again in ${ms(it.retryMs)}`,
  ended: (it) =>
    `job ${it.jobId} has ended: ${outcomes[it.outcome]}${it.because === undefined ? '' : `; ${inner(it.because)}`}`,
});

/** One English sentence for a reason, with the numbers that decided. */
export function explainPoolDevices(because: PoolDevicesReason): string {
  const text = say(because);
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${text.endsWith('.') ? '' : '.'}`;
}
