import { describe, expect, it } from 'vitest';
import { VirtualClock, scriptedWitness, witnessView } from '../src/index.js';

const claim = { groupId: 'orders', nodeId: 'alpha', claimId: 'c1', epoch: 2, lineageId: 'l1' };

describe('a scripted witness', () => {
  it('says what it is told, in order, then what the script says, and remembers the calls', async () => {
    const clock = new VirtualClock();
    const witness = scriptedWitness(clock);
    const view = witnessView({ state: 'AUTO_PROMOTED', owner: 'beta', epoch: 2 });
    witness.next({ kind: 'granted', view }, { answer: { kind: 'denied', view }, delayMs: 40 });
    expect(await clock.run(witness.promote({ ...claim, fromEpoch: 1 }))).toEqual({ kind: 'granted', view });
    expect((await clock.run(witness.promote({ ...claim, fromEpoch: 1 }))).kind).toBe('denied');
    expect(clock.now()).toBe(40);
    expect((await clock.run(witness.status('orders'))).kind).toBe('unreachable');
    witness.script = (call) => ({ kind: call.method === 'status' ? 'granted' : 'denied', view });
    expect((await clock.run(witness.status('orders'))).kind).toBe('granted');
    expect(witness.calls.map(({ method, groupId, at }) => `${method} ${groupId} ${String(at)}`)).toEqual([
      'promote orders 0',
      'promote orders 0',
      'status orders 40',
      'status orders 40',
    ]);
    expect(witness.calls[0]?.claim).toMatchObject({ nodeId: 'alpha', fromEpoch: 1 });
  });

  it('is unreachable, not an error, at a deadline, and silent for ever without one', async () => {
    const clock = new VirtualClock();
    const witness = scriptedWitness(clock);
    witness.script = () => 'never';
    const answer = await clock.run(witness.reassert(claim, { deadlineMs: 50 }));
    expect(answer).toEqual({ kind: 'unreachable', detail: 'no answer within 50 ms' });
    await expect(clock.run(witness.reassert(claim))).rejects.toThrow(/no timer is left/);
  });

  it('rejects an aborted call', async () => {
    const clock = new VirtualClock();
    const witness = scriptedWitness(clock);
    const abort = new AbortController();
    const call = witness.status('orders', { signal: abort.signal });
    abort.abort();
    await expect(call).rejects.toMatchObject({ code: 'ABORTED' });
    await expect(witness.status('orders', { signal: abort.signal })).rejects.toMatchObject({
      code: 'ABORTED',
    });
    expect(await clock.runUntilIdle()).toBe(true);
  });
});
