import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { say } from './place.mjs';

/** Linking a finished file is atomic: whoever sees the lock also sees who holds it. */
function take(path) {
  const mine = `${path}.${process.pid}`;
  writeFileSync(mine, String(process.pid));
  try {
    linkSync(mine, path);
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    return false;
  } finally {
    rmSync(mine, { force: true });
  }
}

function holder(path) {
  try {
    return Number(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** Moves the lock of a process that has died out of the way, unless someone else has replaced it meanwhile. */
function clearStale(path, pid) {
  const aside = `${path}.stale.${process.pid}`;
  try {
    renameSync(path, aside);
    if (holder(aside) !== pid) linkSync(aside, path);
  } catch {
    // Another waiter was quicker; the next turn of the loop sees the outcome.
  } finally {
    rmSync(aside, { force: true });
  }
}

/** Runs `work` while no other process of this checkout does; a holder that has died is not waited for. */
export async function withLock(path, work) {
  mkdirSync(dirname(path), { recursive: true });
  let told = false;
  while (!take(path)) {
    const pid = holder(path);
    if (pid !== undefined && !isAlive(pid)) clearStale(path, pid);
    else {
      if (!told && pid !== undefined)
        say(`Another command (process ${pid}) is preparing this checkout; waiting for it.`);
      told = true;
      await sleep(200);
    }
  }
  const release = () => rmSync(path, { force: true });
  process.once('exit', release);
  try {
    return await work();
  } finally {
    release();
    process.off('exit', release);
  }
}
