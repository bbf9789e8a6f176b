import { explainWith } from '../../kernel/explain.js';
import type { DurationMs } from '../../kernel/time.js';

type Why<Kind extends string, Numbers = unknown> = { readonly kind: Kind } & Readonly<Numbers>;

/** What proves that the former primary writes nothing that counts any more. */
export type WriterProof =
  | 'its end was observed'
  | 'the pool gave its lock away'
  | 'its lease is over'
  | 'it cannot reach the pool'
  | 'it was stopped in order';

/** Why a wish of this policy was made, with the numbers that decided. */
export type PooledMemoryReason =
  | Why<'started', { machine: string; epoch: number; mode: string }>
  | Why<'enabled', { host: string; memoryInPool: boolean }>
  | Why<'secondary-chosen', { host: string; freeMhz: number; candidates: number }>
  | Why<'no-host', { hosts: number; retryMs: DurationMs }>
  | Why<'need-secondary', { cause: string; detail: string }>
  | Why<'checkpoint-due', { generation: number; intervalMs: DurationMs; pauseMs: DurationMs }>
  | Why<'sealed', { generation: number; epoch: number }>
  | Why<'seal-refused', { generation: number; why: string }>
  | Why<'checkpoint-failed', { failures: number; tries: number; detail: string }>
  | Why<'protected', { host: string; generation: number }>
  | Why<'suspect', { host: string; silentMs: DurationMs; suspectAfterMs: DurationMs }>
  | Why<'primary-back', { host: string; silentMs: DurationMs }>
  | Why<'isolated', { host: string; action: string }>
  | Why<'ask-lock', { host: string; silentMs: DurationMs }>
  | Why<'fence', { host: string; proof: WriterProof; epoch: number }>
  | Why<'take-over', { host: string; generation: number; epoch: number }>
  | Why<'promoted', { host: string; generation: number; guestTimeGapMs: DurationMs }>
  | Why<'promote-failed', { generation: number; detail: string }>
  | Why<'older-generation', { generation: number; lost: number }>
  | Why<'no-generation', { detail: string }>
  | Why<'old-writer', { host: string; epoch: number; current: number }>
  | Why<'epoch-lost', { epoch: number; own: number }>
  | Why<'disabled', { host: string }>
  | Why<'persist-failed', { detail: string; retryMs: DurationMs }>
  | Why<'again', { what: string; afterMs: DurationMs }>
  | Why<'command', { command: string; detail: string }>;

const ms = (span: DurationMs): string => `${Math.round(span)} ms`;

const say = explainWith<PooledMemoryReason>({
  started: (it) => `machine ${it.machine} is ${it.mode} in epoch ${it.epoch}; its controller has started`,
  enabled: (it) =>
    `fault tolerance was asked for; the memory on host ${it.host} is ${it.memoryInPool ? 'in the pool already' : 'local and is brought into the pool'}`,
  'secondary-chosen': (it) =>
    `host ${it.host} has the most room, ${it.freeMhz} MHz, of ${it.candidates} that may carry the secondary`,
  'no-host': (it) =>
    `none of ${it.hosts} hosts may carry a secondary; the machine runs unprotected, and it is tried again in ${ms(it.retryMs)}`,
  'need-secondary': (it) => `the machine runs unprotected (${it.cause}): ${it.detail}`,
  'checkpoint-due': (it) =>
    `generation ${it.generation} is due after ${ms(it.intervalMs)}; the last pause was ${ms(it.pauseMs)}`,
  sealed: (it) =>
    `generation ${it.generation} of epoch ${it.epoch} is sealed: memory and device state of one instant`,
  'seal-refused': (it) => `generation ${it.generation} does not count: ${it.why}`,
  'checkpoint-failed': (it) =>
    `checkpoint ${it.failures} of ${it.tries} in a row has failed: ${it.detail}; the last sealed generation stays`,
  protected: (it) =>
    `the machine is protected: host ${it.host} waits, and generation ${it.generation} is sealed`,
  suspect: (it) =>
    `the heartbeat of host ${it.host} in the pool stands still for ${ms(it.silentMs)}, at least ${ms(it.suspectAfterMs)}; its seals do not count`,
  'primary-back': (it) =>
    `host ${it.host} is heard again after ${ms(it.silentMs)}, before the epoch was raised`,
  isolated: (it) =>
    `host ${it.host} is cut off the network, and its heartbeat in the pool goes on: it has not failed; ${it.action}`,
  'ask-lock': (it) =>
    `host ${it.host} is silent for ${ms(it.silentMs)}; whoever gets its lock in the pool knows that it is gone`,
  fence: (it) => `host ${it.host} writes nothing that counts (${it.proof}), so epoch ${it.epoch} may begin`,
  'take-over': (it) =>
    `epoch ${it.epoch} is raised, so host ${it.host} goes on from a clone of generation ${it.generation}`,
  promoted: (it) =>
    `host ${it.host} runs the machine from generation ${it.generation}; the guest has missed ${ms(it.guestTimeGapMs)}`,
  'promote-failed': (it) => `generation ${it.generation} could not be run: ${it.detail}`,
  'older-generation': (it) =>
    `generation ${it.generation} is tried instead; what the machine did in ${it.lost} newer is lost`,
  'no-generation': (it) => `nothing that is sealed can be run: ${it.detail}`,
  'old-writer': (it) =>
    `host ${it.host} still runs epoch ${it.epoch}, and the machine is in epoch ${it.current}`,
  'epoch-lost': (it) =>
    `somebody else has raised the epoch to ${it.epoch}; this controller knew ${it.own} and decides nothing any more`,
  disabled: (it) => `fault tolerance was given up; host ${it.host} keeps the machine`,
  'persist-failed': (it) =>
    `the record could not be written (${it.detail}); it is written again in ${ms(it.retryMs)}`,
  again: (it) => `${it.what} was not answered in ${ms(it.afterMs)}, so it is asked for again`,
  command: (it) => `command ${it.command}: ${it.detail}`,
});

/** One English sentence for the reason of a wish, with the numbers that decided. */
export function explainPooledMemory(because: PooledMemoryReason): string {
  const text = say(because);
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
