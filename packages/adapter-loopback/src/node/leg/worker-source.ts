import {
  collectedWithinMs,
  idleRounds,
  line,
  operation,
  shortRead,
  slotCount,
  slowRequestMs,
  words,
  wordsPerSlot,
  zeroRegionBytes,
} from './layout.js';

/**
 * The program of an I/O thread, as text: a string has no path to resolve, so it starts the same from ESM, CJS, a bundle or
 * the sources, and no minifier can rename half of it. It takes slots from the two rings, does the positional read or write,
 * and publishes the slot in its own completion ring. It sleeps on a futex and posts a message only when the loop asked for one,
 * or when it has had nothing to do for a while since it published something that nobody had asked for.
 */
export const workerSource = `'use strict';
const { workerData } = require('node:worker_threads');
const { readSync, writeSync } = require('node:fs');
const { descriptor, index, workers, rings, port } = workerData;
const { control, slots, offsets, small, large, pool } = rings;
const done = rings.done[index];
const doneAt = ${words.doneTail} + ${line} * index;
// The last of several threads takes big requests first; the others look at them every fourth time, so neither lane starves.
const largeEvery = workers > 1 && index === workers - 1 ? 1 : 4;
let turn = 0;
let wasSlow = 0;
let published = 0;
let owed = false;

function take(ring, headAt, tailAt) {
  for (;;) {
    const head = Atomics.load(control, headAt);
    if (head === Atomics.load(control, tailAt)) return -1;
    const slot = Atomics.load(ring, head & ${slotCount - 1});
    if (Atomics.compareExchange(control, headAt, head, (head + 1) | 0) === head) return slot;
  }
}
const takeSmall = () => take(small, ${words.smallHead}, ${words.smallTail});
const takeLarge = () => take(large, ${words.largeHead}, ${words.largeTail});
const isEmpty = () =>
  Atomics.load(control, ${words.smallHead}) === Atomics.load(control, ${words.smallTail}) &&
  Atomics.load(control, ${words.largeHead}) === Atomics.load(control, ${words.largeTail});

function next() {
  turn = (turn + 1) % 4;
  if (largeEvery === 1 || turn === 0) {
    const slot = takeLarge();
    return slot < 0 ? takeSmall() : slot;
  }
  const slot = takeSmall();
  return slot < 0 ? takeLarge() : slot;
}

function transfer(kind, at, length, offset) {
  let moved = 0;
  while (moved < length) {
    const left = length - moved;
    const count =
      kind === ${operation.read}
        ? readSync(descriptor, pool, at + moved, left, offset + moved)
        : kind === ${operation.write}
          ? writeSync(descriptor, pool, at + moved, left, offset + moved)
          : writeSync(descriptor, pool, 0, Math.min(left, ${zeroRegionBytes}), offset + moved);
    if (count === 0) return ${shortRead};
    moved += count;
  }
  return 0;
}

function serve(slot) {
  const base = slot * ${wordsPerSlot};
  const began = performance.now();
  try {
    slots[base + 3] = transfer(slots[base], slots[base + 2], slots[base + 1], offsets[slot]);
  } catch (error) {
    if (typeof error.errno !== 'number') throw error;
    slots[base + 3] = error.errno;
  }
  const slow = performance.now() - began > ${slowRequestMs} ? 1 : 0;
  if (slow !== wasSlow) Atomics.store(control, ${words.slow}, (wasSlow = slow));
  done[published & ${slotCount - 1}] = slot;
  published = (published + 1) | 0;
  Atomics.store(control, doneAt, published);
  if (
    Atomics.load(control, ${words.armed}) === 1 &&
    Atomics.compareExchange(control, ${words.armed}, 1, 0) === 1
  ) {
    port.postMessage(0);
    owed = false;
  } else {
    owed = true;
  }
}

let idle = 0;
for (;;) {
  const slot = next();
  if (slot >= 0) {
    idle = 0;
    serve(slot);
    continue;
  }
  if (Atomics.load(control, ${words.stop}) === 1 && isEmpty()) break;
  if ((idle += 1) < ${idleRounds}) continue;
  idle = 0;
  const seen = Atomics.load(control, ${words.wake});
  Atomics.add(control, ${words.sleepers}, 1);
  const patienceMs = owed ? ${collectedWithinMs} : Infinity;
  if (isEmpty() && Atomics.load(control, ${words.stop}) === 0) {
    if (Atomics.wait(control, ${words.wake}, seen, patienceMs) === 'timed-out') {
      owed = false;
      port.postMessage(0);
    }
  }
  Atomics.sub(control, ${words.sleepers}, 1);
}
port.close();
`;
