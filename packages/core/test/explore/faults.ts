/** Everything that can go wrong, or that somebody outside may do. */
export const faultKinds = [
  'crash',
  'power',
  'pause',
  'cut',
  'reset',
  'delay',
  'silence',
  'witness-cut',
  'repeat',
  'restore',
  'empty',
  'disk-error',
  'leg',
  'health',
  'path',
  'operator',
  'move',
  'ill',
  'redirect',
  'force',
] as const;

export type FaultKind = (typeof faultKinds)[number];

/** How often each kind may happen on one way, and how many of all kinds together. */
export type FaultLimits = Partial<Record<FaultKind, number>> & { readonly total: number };

/** Counts what has gone wrong on the way to a world, no finer than the limits need. */
export class FaultBook {
  /** Kinds that are limited tighter than the total: only these are counted apart. */
  private readonly apart: readonly FaultKind[];

  constructor(readonly limits: FaultLimits) {
    this.apart = faultKinds.filter((kind) => {
      const limit = limits[kind] ?? 0;
      return limit > 0 && limit < limits.total;
    });
  }

  get empty(): readonly number[] {
    return [0, ...this.apart.map(() => 0)];
  }

  may(used: readonly number[], kind: FaultKind): boolean {
    const limit = this.limits[kind] ?? 0;
    if (limit === 0 || (used[0] ?? 0) >= this.limits.total) return false;
    const place = this.apart.indexOf(kind);
    return place < 0 || (used[place + 1] ?? 0) < limit;
  }

  spend(used: readonly number[], kind: FaultKind): readonly number[] {
    const place = this.apart.indexOf(kind);
    return used.map((count, index) => (index === 0 || index === place + 1 ? count + 1 : count));
  }

  /** For people. */
  describe(): readonly string[] {
    const kinds = faultKinds.filter((kind) => (this.limits[kind] ?? 0) > 0);
    const tight = kinds.map((kind) => {
      const limit = this.limits[kind] ?? 0;
      return limit < this.limits.total ? `${kind} (at most ${String(limit)})` : kind;
    });
    return [`at most ${String(this.limits.total)} faults on one way, of: ${tight.join(', ')}`];
  }
}
