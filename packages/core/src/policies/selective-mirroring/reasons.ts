import { explainWith } from '../../kernel/explain.js';
import type { DurationMs } from '../../kernel/time.js';
import type { MirroringAuthorityRequest, MirroringMode, MirroringSite } from './types.js';

type Why<Kind extends string, Numbers = unknown> = { readonly kind: Kind } & Readonly<Numbers>;

/** Why a wish of this policy was made, with the numbers that decided. */
export type MirroringReason =
  | Why<'started', { node: MirroringSite; role: string; epoch: number }>
  | Why<'due-selection', { intervalMs: DurationMs; budgetBytes: number; limit: 'volume' | 'cache' | 'link' }>
  | Why<
      'selected',
      {
        added: number;
        dropped: number;
        chosen: number;
        candidates: number;
        expectedWarmShare: number;
        left: number;
      }
    >
  | Why<'not-selected', { detail: string }>
  | Why<'label-forbidden', { block: number; label: string }>
  | Why<'hot-set-too-large', { chosen: number; candidates: number; expectedWarmShare: number }>
  | Why<'budget-shrunk', { budgetBytes: number; mirroredBytes: number; dropped: number }>
  | Why<
      'batch',
      { batch: number; blocks: number; sizeBytes: number; attempt: number; tries: number; cause: string }
    >
  | Why<'committed', { batch: number; blocks: number }>
  | Why<'rerouted', { from: MirroringSite; to: MirroringSite | undefined; blocks: number; cause: string }>
  | Why<'cache-opened', { site: MirroringSite; generation: string; blocks: number }>
  | Why<'cache-lost', { site: MirroringSite; blocks: number; detail: string }>
  | Why<'cache-untracked', { site: MirroringSite; generation: string }>
  | Why<'write-free', { block: number; version: number }>
  | Why<'write-told', { block: number; version: number; waitedMs: DurationMs }>
  | Why<'write-holds', { block: number; version: number; sites: readonly MirroringSite[] }>
  | Why<'write-refused', { mode: MirroringMode; held: number }>
  | Why<'epoch-stale', { epoch: number; ownEpoch: number }>
  | Why<'batch-answered', { batch: number; accepted: number; refused: number; why: string }>
  | Why<'told', { block: number; version: number; cached: boolean }>
  | Why<
      'evicted',
      {
        blocks: number;
        sizeBytes: number;
        cause: 'capacity' | 'tenant quota' | 'pressure' | 'damaged' | 'overwritten' | 'place lost';
      }
    >
  | Why<'generation', { site: MirroringSite; generation: string; forgotten: number }>
  | Why<'said-hello', { capacityBytes: number; cachedBlocks: number }>
  | Why<'attempt-failed', { how: string; attempts: number; needed: number; refusedMs: DurationMs }>
  | Why<'owner-answers', { client: string }>
  | Why<'ask', { request: MirroringAuthorityRequest['kind']; epoch: number }>
  | Why<
      'authority-silent',
      { request: MirroringAuthorityRequest['kind']; detail: string; retryMs: DurationMs }
    >
  | Why<'owned-elsewhere', { owner: MirroringSite; epoch: number }>
  | Why<'confirmed', { epoch: number }>
  | Why<'took-over', { epoch: number; cached: number; trust: 'compared' | 'told' | 'none' }>
  | Why<'fail-back', { to: MirroringSite; phase: string; throughVersion: number }>
  | Why<'fail-back-stopped', { to: MirroringSite; detail: string }>
  | Why<'handed-over', { to: MirroringSite; epoch: number }>
  | Why<'heat-dump', { version: number; intervalMs: DurationMs }>
  | Why<'moved', { client: string; to: MirroringSite; blocks: number }>
  | Why<'command', { command: string; detail: string }>
  | Why<'persist-failed', { detail: string; retryMs: DurationMs }>;

const ms = (span: DurationMs): string => `${Math.round(span)} ms`;
const percent = (share: number): string => `${Math.round(share * 1_000) / 10} %`;

const trustWords = {
  compared: 'a copy counts when the slow copy knows nothing newer',
  told: 'the cache was told of every write before it was acknowledged',
  none: 'nothing proves the copies current, so none is served',
} as const;

const limitWords = {
  volume: 'the share of the volume',
  cache: 'the free cache',
  link: 'what the link carries in its window',
} as const;

const say = explainWith<MirroringReason>({
  started: (it) => `node ${it.node} has started as ${it.role} of epoch ${it.epoch} and serves nothing yet`,
  'due-selection': (it) =>
    `the mirror set is chosen anew every ${ms(it.intervalMs)}; ${it.budgetBytes} bytes are allowed, by ${limitWords[it.limit]}`,
  selected: (it) =>
    `${it.chosen} of ${it.candidates} blocks are chosen (${it.added} new, ${it.dropped} dropped, ${it.left} left for the next plan) and should serve ${percent(it.expectedWarmShare)} of the reads after a failover`,
  'not-selected': (it) => `no blocks were chosen: ${it.detail}`,
  'label-forbidden': (it) => `block ${it.block} stays: its label '${it.label}' may not leave the site`,
  'hot-set-too-large': (it) =>
    `only ${it.chosen} of ${it.candidates} blocks fit, so a failover will find ${percent(it.expectedWarmShare)} of the reads warm`,
  'budget-shrunk': (it) =>
    `${it.mirroredBytes} bytes are mirrored and ${it.budgetBytes} are allowed now, so the ${it.dropped} oldest copies are given up`,
  batch: (it) =>
    `batch ${it.batch} of ${it.blocks} blocks, ${it.sizeBytes} bytes, is copied (attempt ${it.attempt} of ${it.tries}): ${it.cause}`,
  committed: (it) => `batch ${it.batch} is mirrored: the cache has made ${it.blocks} blocks visible`,
  rerouted: (it) =>
    it.to === undefined
      ? `${it.blocks} blocks lose their place at ${it.from} (${it.cause}), and no other cache is there`
      : `${it.blocks} blocks go to ${it.to} instead of ${it.from}: ${it.cause}`,
  'cache-opened': (it) =>
    `the cache at ${it.site} begins generation ${it.generation}; ${it.blocks} blocks are to be mirrored there again`,
  'cache-lost': (it) =>
    `the cache at ${it.site} is out of reach (${it.detail}), so its ${it.blocks} copies count for nothing; a failover there would be cold`,
  'cache-untracked': (it) =>
    `the cache at ${it.site} may still hold copies of another generation than ${it.generation}; writes wait until it cannot serve them`,
  'write-free': (it) => `no cache holds block ${it.block}, so write ${it.version} waits for nobody`,
  'write-told': (it) =>
    `no cache can serve block ${it.block} older than write ${it.version} any more, after ${ms(it.waitedMs)}`,
  'write-holds': (it) => `write ${it.version} of block ${it.block} waits for ${it.sites.join(', ')}`,
  'write-refused': (it) =>
    `this node is ${it.mode} with ${it.held} writes waiting and cannot take another write`,
  'epoch-stale': (it) => `epoch ${it.epoch} is over; the volume is in epoch ${it.ownEpoch}`,
  'batch-answered': (it) =>
    `batch ${it.batch}: ${it.accepted} blocks are visible, ${it.refused} are not (${it.why})`,
  told: (it) =>
    `write ${it.version} of block ${it.block} is noted; ${it.cached ? 'the copy is as new' : 'there is no copy of it any more'}`,
  evicted: (it) => `${it.blocks} copies, ${it.sizeBytes} bytes, leave the cache: ${it.cause}`,
  generation: (it) =>
    `site ${it.site} begins generation ${it.generation} in this cache; ${it.forgotten} older copies are forgotten`,
  'said-hello': (it) =>
    `this cache has room for ${it.capacityBytes} bytes and holds ${it.cachedBlocks} blocks`,
  'attempt-failed': (it) =>
    `a client's attempt at the owner ended in ${it.how}; that makes ${it.attempts} of ${it.needed}, over ${ms(it.refusedMs)}`,
  'owner-answers': (it) => `the owner has answered ${it.client}, so nothing has failed`,
  ask: (it) => `the authority is asked to ${it.request} for epoch ${it.epoch}`,
  'authority-silent': (it) =>
    `the authority did not answer '${it.request}' (${it.detail}); it is asked again in ${ms(it.retryMs)}`,
  'owned-elsewhere': (it) => `the authority says that ${it.owner} owns the volume in epoch ${it.epoch}`,
  confirmed: (it) =>
    `the authority confirms this node as the owner of epoch ${it.epoch}; no cache is trusted yet`,
  'took-over': (it) =>
    `this node owns the volume in epoch ${it.epoch} with ${it.cached} copies; ${trustWords[it.trust]}`,
  'fail-back': (it) =>
    `the volume goes back to ${it.to} (${it.phase}); there through write ${it.throughVersion}`,
  'fail-back-stopped': (it) => `the volume stays here instead of going back to ${it.to}: ${it.detail}`,
  'handed-over': (it) => `site ${it.to} owns the volume from epoch ${it.epoch} on`,
  'heat-dump': (it) =>
    `the list of hot blocks (version ${it.version}) is written down every ${ms(it.intervalMs)}, so that a restart begins warm`,
  moved: (it) => `the ${it.blocks} blocks that client ${it.client} uses are at ${it.to}, so it may go there`,
  command: (it) => `command ${it.command}: ${it.detail}`,
  'persist-failed': (it) =>
    `the record could not be written (${it.detail}); nothing that needs it happens, and it is written again in ${ms(it.retryMs)}`,
});

/** One English sentence for the reason of a wish, with the numbers that decided. */
export function explainMirroring(because: MirroringReason): string {
  const text = say(because);
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
