import type { ProcessHost } from '@holdfast/adapter-loopback';

/** Something that serves a mirrored volume over NBD. */
export interface Contender {
  readonly name: string;
  /** What must hold and what is aimed at is said of this one; the others are shown beside it. */
  readonly judged?: boolean;
  /** For fio. */
  readonly uri: string;
  /** The processes whose memory is counted, by what they are. */
  readonly processes: Readonly<Record<string, number>>;
}

/** Starts one in an empty folder; its processes end with the host. */
export type StartContender = (
  host: ProcessHost,
  folder: string,
  sizeBytes: number,
) => Promise<readonly Contender[]>;

export function nbdUri(exportName: string, socket: string): string {
  return `nbd+unix:///${exportName}?socket=${socket}`;
}
