/** A point in the order of everything that the client saw: each start and each end of a request takes the next number. */
export type Moment = number;

interface Version {
  readonly version: number;
  readonly startedAt: Moment;
  /** When it was known to be in: by its acknowledgement, or because a read saw it. Infinity: perhaps never, perhaps later. */
  completedAt: Moment;
  /** From here on no read may see it: a later write was in by then. */
  overwrittenAt: Moment;
}

/**
 * What one block may hold, judged as a register that is read and written by many at a time.
 *
 * A version may be seen by a read unless another one, started after it was in, was itself in before the read started. A write
 * is in when it was acknowledged or when some read has seen it; a write without an answer may take effect at any later time.
 */
export class RegisterHistory {
  private versions: Version[] = [{ version: 0, startedAt: -1, completedAt: 0, overwrittenAt: Infinity }];

  writeStarted(version: number, at: Moment): void {
    this.versions.push({ version, startedAt: at, completedAt: Infinity, overwrittenAt: Infinity });
  }

  writeAcknowledged(version: number, at: Moment): void {
    const entry = this.versions.find((candidate) => candidate.version === version);
    if (entry !== undefined) this.complete(entry, at);
  }

  /** Undefined when a read that started at `startedAt` may have seen `version`, else what would have been right. */
  readEnded(version: number, startedAt: Moment, endedAt: Moment): string | undefined {
    const entry = this.versions.find((candidate) => candidate.version === version);
    if (entry === undefined || entry.overwrittenAt < startedAt) {
      const allowed = this.versions.filter((candidate) => candidate.overwrittenAt >= startedAt);
      return `version ${version} was read, allowed was ${allowed.map((candidate) => candidate.version).join(' or ')}`;
    }
    this.complete(entry, endedAt);
    return undefined;
  }

  /** Forgets what no read can see any more, when the oldest read under way started at `oldestRead`. */
  forgetBefore(oldestRead: Moment): void {
    if (this.versions.length === 1) return;
    this.versions = this.versions.filter((entry) => entry.overwrittenAt >= oldestRead);
  }

  /** How many versions are remembered: one, when nothing is under way. */
  get size(): number {
    return this.versions.length;
  }

  private complete(done: Version, at: Moment): void {
    if (done.completedAt <= at) return;
    done.completedAt = at;
    for (const other of this.versions) {
      if (other.completedAt < done.startedAt) other.overwrittenAt = Math.min(other.overwrittenAt, at);
    }
  }
}
