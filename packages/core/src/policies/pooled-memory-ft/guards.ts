import type { SealedGeneration } from './types.js';

/** What has to be true, question by question, so that a test can turn one off and see what breaks. */
export interface PooledMemoryGuards {
  /** A seal of an epoch that is over counts for nothing. */
  readonly sealEpochCounts: (sealed: number, own: number) => boolean;
  /** Memory and device state of one stop: with states of two instants the guest crashes. */
  readonly isOneInstant: (sealed: SealedGeneration) => boolean;
  readonly isWhole: (sealed: SealedGeneration, ramBytes: number) => boolean;
  readonly argumentsFit: (sealed: string, recorded: string) => boolean;
  /** Silence alone proves nothing about a writer. */
  readonly needsProof: boolean;
  /** The epoch is raised, and durable here, before anybody may write. */
  readonly epochIsRaisedFirst: boolean;
  readonly recordIsDurableFirst: boolean;
  /** A clone is promoted, never the file that the former writer has mapped. */
  readonly clones: boolean;
  /** A standby that could write is no standby. */
  readonly standbyIsReadOnly: (isReadOnly: boolean) => boolean;
  /** A suspect writer's seals are not accepted. */
  readonly suspectMaySeal: boolean;
}

export const pooledMemoryGuards: PooledMemoryGuards = {
  sealEpochCounts: (sealed, own) => sealed === own,
  isOneInstant: ({ ramStop, deviceStop }) => ramStop === deviceStop,
  isWhole: ({ sizeBytes, deviceDigestFits }, ramBytes) => deviceDigestFits && sizeBytes === ramBytes,
  argumentsFit: (sealed, recorded) => sealed === recorded,
  needsProof: true,
  epochIsRaisedFirst: true,
  recordIsDurableFirst: true,
  clones: true,
  standbyIsReadOnly: (isReadOnly) => isReadOnly,
  suspectMaySeal: false,
};
