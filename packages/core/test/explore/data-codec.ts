import type { KeyReader, KeyWriter } from '@holdfast/testkit';
import type { DataPart, HostWrite, Job, Leg } from './data.js';
import type { Side } from './world.js';

/* The data path in a few words: masks of two blocks take two bits, masks of writes four, values two. */

const phases: readonly Job['phase'][] = ['queued', 'forwarded', 'ordered'];
const peers: readonly Job['peer'][] = ['unsent', 'sent', 'applied'];
const hosts: readonly HostWrite['state'][] = ['new', 'under-way', 'acknowledged'];

export function writeData(data: DataPart, key: KeyWriter): void {
  const [a, b] = data.legs;
  key.word(legBits(a) | (legBits(b) << 8) | (data.writes.length << 16));
  const { log, dirty, saved, todo, copying, admitted } = data;
  const masks = [
    log[0],
    log[1],
    dirty[0],
    dirty[1],
    saved[0],
    saved[1],
    todo,
    copying,
    admitted[0],
    admitted[1],
  ];
  key.word(masks.reduce((bits, mask, place) => bits | (mask << (place * 2)), 0));
  const { done, raised } = data;
  key.word(done[0] | (done[1] << 4) | (raised[0] << 8) | (raised[1] << 12));
  let writes = 0;
  data.writes.forEach((one, place) => {
    writes |= (hosts.indexOf(one.state) | (one.via << 2) | (one.generation << 3)) << (place * 4);
  });
  key.word(writes);
  key.word(data.registers[0]);
  key.word(data.registers[1]);
  for (const jobs of data.jobs) {
    key.word(jobs.length);
    for (const job of jobs) key.word(jobBits(job));
  }
}

function legBits({ cache, disk }: Leg): number {
  return cache[0] | (cache[1] << 2) | (disk[0] << 4) | (disk[1] << 6);
}

function legOf(bits: number): Leg {
  return { cache: [bits & 3, (bits >> 2) & 3], disk: [(bits >> 4) & 3, (bits >> 6) & 3] };
}

function jobBits(job: Job): number {
  const where = (phases.indexOf(job.phase) << 4) | (peers.indexOf(job.peer) << 6) | (job.own ? 256 : 0);
  return job.write | (job.generation << 2) | (job.origin << 3) | where;
}

function jobOf(bits: number): Job {
  return {
    write: bits & 3,
    generation: (bits >> 2) & 1,
    origin: sideOf(bits >> 3),
    phase: phases[(bits >> 4) & 3] ?? 'queued',
    peer: peers[(bits >> 6) & 3] ?? 'unsent',
    own: (bits & 256) !== 0,
  };
}

function sideOf(bits: number): Side {
  return (bits & 1) === 0 ? 0 : 1;
}

export function readData(key: KeyReader): DataPart {
  const legs = key.word();
  const masks = key.word();
  const numbers = key.word();
  const writes = key.word();
  const two = (place: number): number => (masks >> (place * 2)) & 3;
  const four = (place: number): number => (numbers >> (place * 4)) & 15;
  const registers = [key.word(), key.word()] as const;
  const jobs = (): readonly Job[] => Array.from({ length: key.word() }, () => jobOf(key.word()));
  return {
    legs: [legOf(legs & 255), legOf((legs >> 8) & 255)],
    log: [two(0), two(1)],
    dirty: [two(2), two(3)],
    saved: [two(4), two(5)],
    todo: two(6),
    copying: two(7),
    admitted: [two(8), two(9)],
    done: [four(0), four(1)],
    raised: [four(2), four(3)],
    writes: Array.from({ length: (legs >> 16) & 15 }, (_, place) => {
      const bits = (writes >> (place * 4)) & 15;
      return { state: hosts[bits & 3] ?? 'new', via: sideOf(bits >> 2), generation: (bits >> 3) & 1 };
    }),
    registers,
    jobs: [jobs(), jobs()],
  };
}
