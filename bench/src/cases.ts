/** One kind of load, in fio's words. */
export interface Case {
  readonly name: string;
  readonly pattern: 'randread' | 'randwrite' | 'read' | 'write';
  readonly blockBytes: number;
  readonly depth: number;
  /** Holdfast over qemu: what must hold, and what is aimed at. */
  readonly must: number;
  readonly aim: number;
}

const kib = 1024;

export const cases: readonly Case[] = [
  { name: '4k-randread-d32', pattern: 'randread', blockBytes: 4 * kib, depth: 32, must: 1, aim: 1.5 },
  { name: '4k-randwrite-d32', pattern: 'randwrite', blockBytes: 4 * kib, depth: 32, must: 1, aim: 1.5 },
  { name: '4k-randwrite-d1', pattern: 'randwrite', blockBytes: 4 * kib, depth: 1, must: 0.7, aim: 1 },
  { name: '128k-read-d8', pattern: 'read', blockBytes: 128 * kib, depth: 8, must: 1.2, aim: 2 },
  { name: '128k-write-d8', pattern: 'write', blockBytes: 128 * kib, depth: 8, must: 1, aim: 1.2 },
];
