import { describe, expect, it, vi } from 'vitest';
import { HoldfastError, InvariantError, OptionsError } from '../src/index.js';

describe('an error of Holdfast', () => {
  it('carries its code, whether a retry may help, and what caused it', () => {
    const cause = new Error('ECONNREFUSED');
    const error = new HoldfastError('UNREACHABLE', 'beta does not answer.', { retryable: true, cause });
    expect(error).toMatchObject({ name: 'HoldfastError', code: 'UNREACHABLE', retryable: true, cause });
    expect(error.message).toBe('beta does not answer.');
    expect(error).toBeInstanceOf(Error);
    expect(new HoldfastError('CLOSED', 'closed').retryable).toBe(false);
    expect('cause' in new HoldfastError('CLOSED', 'closed')).toBe(false);
  });

  it('is known by its marker, with or without a code', () => {
    const error: unknown = new HoldfastError('STALE_EPOCH', 'epoch 3 is over');
    expect(HoldfastError.is(error)).toBe(true);
    expect(HoldfastError.is(error, 'STALE_EPOCH')).toBe(true);
    expect(HoldfastError.is(error, 'FENCED')).toBe(false);
    for (const other of [new Error('x'), { code: 'STALE_EPOCH' }, 'STALE_EPOCH', null, undefined]) {
      expect(HoldfastError.is(other)).toBe(false);
    }
  });

  it('is known across two copies of the package, where instanceof fails', async () => {
    vi.resetModules();
    const copy = await import('../src/index.js');
    expect(copy.HoldfastError).not.toBe(HoldfastError);
    const foreign = new copy.HoldfastError('FENCED', 'from the other copy');
    expect(foreign instanceof HoldfastError).toBe(false);
    expect(HoldfastError.is(foreign, 'FENCED')).toBe(true);
    expect(copy.HoldfastError.is(new InvariantError('mine'), 'INVARIANT_BROKEN')).toBe(true);
  });

  it('keeps the marker out of what is printed or copied', () => {
    const error = new HoldfastError('CLOSED', 'closed');
    expect(Object.keys(error).sort()).toEqual(['code', 'name', 'retryable']);
    expect(HoldfastError.is(Object.assign({}, error))).toBe(false);
  });
});

describe('an error about options', () => {
  it('names the relation, the numbers that broke it, and the way out', () => {
    const error = new OptionsError(
      'leaseTtlMs > 2 * leaseRenewIntervalMs',
      { leaseTtlMs: 100, leaseRenewIntervalMs: 80.12345 },
      'Raise leaseTtlMs.',
    );
    expect(error.code).toBe('OPTIONS_INVALID');
    expect(error.relation).toBe('leaseTtlMs > 2 * leaseRenewIntervalMs');
    expect(error.numbers).toEqual({ leaseTtlMs: 100, leaseRenewIntervalMs: 80.12345 });
    expect(error.message).toBe(
      'leaseTtlMs > 2 * leaseRenewIntervalMs does not hold: leaseTtlMs = 100, leaseRenewIntervalMs = 80.123. Raise leaseTtlMs.',
    );
  });
});
