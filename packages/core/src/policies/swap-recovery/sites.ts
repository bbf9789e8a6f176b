import type { SwapRecoveryReason } from './reasons.js';
import { suspendMirror } from './restart.js';
import { otherSite, wantedSwapRecord } from './state.js';
import { undo } from './swap.js';
import type { SwapTurn } from './turn.js';
import type { SwapRecoveryFact, SwapSite, TrackExtent } from './types.js';

export function onSiteChanged(
  turn: SwapTurn,
  fact: Extract<SwapRecoveryFact, { kind: 'site-changed' }>,
): void {
  const { site, reachable, inService, replaced } = fact;
  turn.patch({ sites: { ...turn.state.sites, [site]: { reachable, inService } } });
  if (replaced && site !== turn.state.record.activeSite)
    onChangeMapLost(turn, `the storage at the ${site} site is another one`);
}

/** What is equal is not known any more. While the copies were equal, they are not from now on. */
export function onChangeMapLost(turn: SwapTurn, detail: string): void {
  const { phase } = turn.state;
  const because = { kind: 'full-copy', detail } as const;
  if (turn.state.attempt !== undefined) undo(turn, detail);
  if (phase === 'remirroring') suspendMirror(turn, because);
  turn.save({ ...wantedSwapRecord(turn.state), protection: 'exposed', fullCopy: true }, 'nothing', because);
  turn.report('warning', because);
  if (turn.state.phase === 'duplex') leaveDuplex(turn, because);
}

/** Damaged at the inactive site: part of the next copy, whatever the change map says. */
export function onTracksLost(turn: SwapTurn, site: SwapSite, extents: readonly TrackExtent[]): void {
  const isSound = ({ startBytes, lengthBytes }: TrackExtent): boolean =>
    Number.isSafeInteger(startBytes) &&
    startBytes >= 0 &&
    Number.isSafeInteger(lengthBytes) &&
    lengthBytes > 0;
  if (!extents.every(isSound)) {
    turn.absorb('not-a-number');
    return;
  }
  const because = { kind: 'tracks-lost', site, extents: extents.length } as const;
  turn.report('alarm', because);
  const { record, phase } = turn.state;
  const isActive = site === record.activeSite;
  if (isActive && record.protection === 'exposed') {
    // There is no other good copy: a restore is an operator's matter, and the damage must not be copied over what may be better.
    turn.report('alarm', {
      kind: 'no-complete-copy',
      site,
      detail: `${extents.length} extents are lost there`,
    });
    return;
  }
  const wanted = wantedSwapRecord(turn.state);
  // Equal copies are equal no longer, also when nobody has said yet which epoch counts.
  const protection = isActive ? wanted.protection : 'exposed';
  turn.save({ ...wanted, protection, errorTracks: [...wanted.errorTracks, ...extents] }, 'nothing', because);
  if (isActive) return;
  // A running copy does not know of them.
  if (turn.state.attempt !== undefined) undo(turn, 'the other site has lost data');
  if (phase === 'remirroring') suspendMirror(turn, because);
  else if (turn.state.phase === 'duplex') leaveDuplex(turn, because);
}

function leaveDuplex(turn: SwapTurn, because: SwapRecoveryReason): void {
  const from = turn.state.record.activeSite;
  turn.save({ ...wantedSwapRecord(turn.state), protection: 'exposed' }, 'nothing', because);
  turn.patch({ phase: 'waiting', stableSince: undefined, cleanAskedAt: undefined, pollAt: turn.at });
  turn.wish({ kind: 'set-swap', enabled: false, from, to: otherSite(from) }, because);
}

/** The two sites cannot copy: the change map grows until they can. */
export function suspendIfApart(turn: SwapTurn): void {
  const { phase, linkUp, sites, record, attempt } = turn.state;
  const to = otherSite(record.activeSite);
  const { reachable, inService } = sites[to];
  if (linkUp && reachable && !inService) return;
  const detail = linkUp ? `the ${to} site is not ready` : 'the link between the sites is down';
  if (attempt !== undefined) undo(turn, detail);
  if (phase === 'remirroring') suspendMirror(turn, { kind: 'phase', phase: 'waiting', detail });
}

/** With one complete copy left, its loss is an outage: the old copy is never the way out. */
export function serveOrClose(turn: SwapTurn): void {
  const { phase, record, sites, mirror } = turn.state;
  const { activeSite, epoch, protection } = record;
  const { reachable } = sites[activeSite];
  const isExposed = protection === 'exposed' && phase !== 'unknown' && phase !== 'committing';
  if (isExposed && !reachable && phase !== 'down') {
    const because = { kind: 'no-complete-copy', site: activeSite, detail: 'it cannot be reached' } as const;
    if (mirror !== undefined || phase === 'remirroring') suspendMirror(turn, because);
    turn.enter('down');
    turn.wish({ kind: 'close-io', epoch }, because);
    turn.report('alarm', because);
  } else if (phase === 'down' && reachable) {
    const detail = `the ${activeSite} site is back, with the complete copy`;
    turn.patch({ phase: 'waiting', stableSince: undefined, cleanAskedAt: undefined });
    turn.wish({ kind: 'release-io', site: activeSite, epoch }, { kind: 'phase', phase: 'waiting', detail });
  }
}
