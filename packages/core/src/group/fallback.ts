import type { MediatorFallbackEffect, MediatorFallbackFact } from '../policies/mediator-fallback/index.js';
import { foldFallback } from './fold.js';
import { completeCopiesOf } from './record.js';
import type { GroupTurn } from './turn.js';

/*
 * What the wishes of mediator-fallback mean to the group, and what it is told. It agrees on the model; the fault itself is fault
 * handling's, which claims by exactly that model. So it is never told of a fault, and never asks a mediator to decide one: the epoch
 * is the generation. While the two do not mirror, nobody takes part and no model changes.
 */

const name = 'mediator-fallback';
/** Commands of the group itself, whose answers nobody waits for. */
const OWN_COMMAND = 'consistency-group/prefer';

export function onFallbackEffect(turn: GroupTurn, effect: MediatorFallbackEffect): void {
  switch (effect.kind) {
    case 'persist':
      turn.write(foldFallback(turn.base, effect.record), [{ policy: name, effect: effect.id }], {
        kind: 'by-policy',
        part: { policy: name, because: effect.because },
      });
      return;
    case 'answer':
      if (effect.commandId === OWN_COMMAND) return;
      break;
    case 'mediate':
    case 'survive':
    case 'stay-offline':
    case 'readmitted':
    case 'resume':
      // Follows from a fault only, and no fault is told here. An operator forces a survivor at fault handling.
      turn.absorb(`wish ${effect.kind}`);
      return;
    default:
  }
  const after = turn.afterOf(name, effect.after);
  turn.pass({
    id: `${effect.id}/${name}`,
    kind: 'part',
    policy: name,
    effect,
    because: effect.because,
    ...(after.length === 0 ? {} : { after }),
  });
}

export function hearFallback(turn: GroupTurn, fact: MediatorFallbackFact): void {
  const isForce = fact.kind === 'command' && fact.command.kind === 'force-survivor';
  if (isForce) turn.absorb('command force-survivor');
  else turn.tell({ policy: name, fact });
}

/** Preference and completeness are the group's: whenever one of them changes, the model is agreed on anew. */
export function newsForFallback(turn: GroupTurn): void {
  const { state } = turn;
  const { fallback, record, polarization, self, told, hostFacts } = state;
  if (fallback === undefined) return;
  const isMember = record.mode === 'mirrored' && record.owner === undefined;
  const inSync = isMember ? [...fallback.self.members] : [];
  const level = polarization.health.level;
  const facts = {
    upToDate:
      polarization.record.dataState === 'upToDate' &&
      completeCopiesOf(record, self.peerId).includes(self.nodeId),
    healthy: polarization.legFailure === undefined && (level === 'ok' || level === 'degraded'),
    hostPaths: polarization.initiators,
    ...hostFacts,
  };
  if (told.preferred !== record.preferred) {
    const isFirst = told.preferred === undefined && fallback.preference === record.preferred;
    turn.patch({ told: { ...turn.state.told, preferred: record.preferred } });
    const command = { kind: 'prefer', node: record.preferred } as const;
    if (!isFirst) turn.tell({ policy: name, fact: { kind: 'command', commandId: OWN_COMMAND, command } });
  }
  const factsText = `${String(facts.upToDate)} ${String(facts.healthy)} ${String(facts.hostPaths)} ${String(hostFacts.hostIops)} ${String(hostFacts.hostLatencyMs)} ${String(hostFacts.hardwareRank)}`;
  if (told.facts !== factsText) {
    turn.patch({ told: { ...turn.state.told, facts: factsText } });
    turn.tell({ policy: name, fact: { kind: 'facts-changed', facts } });
  }
  const inSyncText = isMember ? 'members' : 'nobody';
  if (told.inSync !== inSyncText) {
    turn.patch({ told: { ...turn.state.told, inSync: inSyncText } });
    turn.tell({ policy: name, fact: { kind: 'in-sync-changed', inSync } });
  }
}
