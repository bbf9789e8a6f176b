import type { MirroringEffect } from '../../src/index.js';
import type { System } from './system.js';

/** What the authority makes of a request: durable at once, and a claim only when the owner can acknowledge nothing any more. */
export function decide(
  system: System,
  node: 'a' | 'b',
  request: Extract<MirroringEffect, { kind: 'ask-authority' }>['request'],
) {
  const { authority, fenced } = system;
  const owned = { kind: 'owned', owner: authority.owner, epoch: authority.epoch } as const;
  const granted = { kind: 'granted', epoch: request.epoch } as const;
  const isOwner = authority.owner === node && authority.epoch === request.epoch;
  const { trusted, ...plain } = authority;
  if (request.kind === 'claim') {
    const mayGrant = (fenced || system.nodes.a.state === undefined) && request.epoch === authority.epoch + 1;
    if (!mayGrant && !isOwner) return { authority, answer: owned, fenced };
    const answer = trusted === undefined ? granted : { ...granted, trusted };
    return { authority: { ...authority, owner: node, epoch: request.epoch }, answer, fenced: true };
  }
  if (!isOwner || (node === 'a' && fenced)) return { authority, answer: owned, fenced };
  if (request.kind === 'trust')
    return { authority: { ...plain, trusted: request.generation }, answer: granted, fenced };
  return { authority: plain, answer: granted, fenced };
}

/** A plan for the one block of the system. */
export function plan(add: readonly number[], drop: readonly number[]) {
  return {
    heat: { version: 1, digest: 'd', takenAt: 0, observedMs: 10 },
    add: add.map((block) => ({ block, sizeBytes: 4_096, label: 'internal', tenant: 't', first: false })),
    drop,
    expectedWarmShare: 1,
    candidates: 1,
    chosen: 1,
    left: 0,
  };
}
