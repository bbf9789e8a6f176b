import { mirroringDefaults, type MirroringHeatSnapshot, type HotBlockRules } from '../../src/index.js';

export interface Row {
  readonly block: number;
  readonly reads: number;
  readonly writes?: number;
  readonly lastAt?: number;
  readonly sizeBytes?: number;
  readonly kind?: string;
  readonly quality?: string;
  readonly label?: string;
  readonly tenant?: string;
  readonly flags?: number;
}

const kinds = ['data', 'metadata', 'boot'];
const qualities = ['bronze', 'gold'];
const labels = ['public', 'internal', 'secret'];
const tenants = ['t1', 't2'];

export const rowNames = { kinds, qualities, labels, tenants };

/** A snapshot from rows that a reader can write down. */
export function heatOf(
  rows: readonly Row[],
  heat: Partial<MirroringHeatSnapshot['heat']> = {},
): MirroringHeatSnapshot {
  const sorted = [...rows].sort((a, b) => a.block - b.block);
  const column = (value: (row: Row) => number): number[] => sorted.map(value);
  return {
    heat: { version: 1, digest: 'd1', takenAt: 1_000_000, observedMs: 1_000_000, ...heat },
    block: column((row) => row.block),
    reads: column((row) => row.reads),
    writes: column((row) => row.writes ?? 0),
    lastAt: column((row) => row.lastAt ?? 1_000_000),
    sizeBytes: column((row) => row.sizeBytes ?? 4_096),
    classOf: column((row) => kinds.indexOf(row.kind ?? 'data')),
    classes: kinds,
    qualityOf: column((row) => qualities.indexOf(row.quality ?? 'bronze')),
    qualities,
    labelOf: column((row) => labels.indexOf(row.label ?? 'internal')),
    labels,
    tenantOf: column((row) => tenants.indexOf(row.tenant ?? 't1')),
    tenants,
    flags: column((row) => row.flags ?? 0),
  };
}

export const rules: HotBlockRules = {
  tuning: mirroringDefaults,
  budgetBytes: 4_096 * 10,
  isMirrored: () => false,
};
