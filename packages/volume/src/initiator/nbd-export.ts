import { type BlockBuffer, HoldfastError } from '@holdfast/core';
import { type NbdBackend, NbdDisconnect, NbdError, type NbdExport } from '@holdfast/nbd';
import type { HostRequests } from './host-requests.js';

/**
 * One volume for an NBD server on the host. Requests wait through a failover, and all connections see one volume: a flush on
 * one covers what was answered on any (`multiConn`).
 */
export function nbdExportOf(requests: HostRequests, volume: number): NbdExport {
  const description = requests.volumes[volume];
  if (description === undefined) throw new HoldfastError('NOT_FOUND', `There is no volume number ${volume}.`);
  const backend = backendOf(requests, volume);
  return {
    name: description.volumeId,
    sizeBytes: description.sizeBytes,
    features: { flush: true, fua: true, trim: true, writeZeroes: true, multiConn: true, blockStatus: false },
    open: () => backend,
  };
}

function backendOf(requests: HostRequests, volume: number): NbdBackend {
  return {
    read: (offsetBytes, lengthBytes) =>
      new Promise<BlockBuffer>((resolve, reject) => {
        requests.read(volume, offsetBytes, lengthBytes, (error, buffer) => {
          if (buffer !== undefined) resolve(buffer);
          else reject(toNbdError(error));
        });
      }),
    write: (offsetBytes, data, { fua }) =>
      settled((settle) => {
        requests.write(volume, offsetBytes, data, fua, settle);
      }),
    flush: () =>
      settled((settle) => {
        requests.flush(volume, settle);
      }),
    // Both legs must read the same afterwards, so a trim makes zeros.
    trim: (offsetBytes, lengthBytes, { fua }) =>
      settled((settle) => {
        requests.writeZeroes(volume, offsetBytes, lengthBytes, fua, true, settle);
      }),
    writeZeroes: (offsetBytes, lengthBytes, { fua, mayPunchHole, fastOnly }) => {
      if (fastOnly) throw new NbdError('ENOTSUP', 'Zeros are not known to be faster than a write here.');
      return settled((settle) => {
        requests.writeZeroes(volume, offsetBytes, lengthBytes, fua, mayPunchHole, settle);
      });
    },
  };
}

function settled(run: (settle: (error: Error | undefined) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    run((error) => {
      if (error === undefined) resolve();
      else reject(toNbdError(error));
    });
  });
}

function toNbdError(error: Error | undefined): NbdError {
  // The initiator stops: a client that can reconnect finds the next one, an error would reach the file system.
  if (HoldfastError.is(error, 'CLOSED')) return new NbdDisconnect(error.message, { cause: error });
  const words = error?.message ?? 'no bytes came';
  if (HoldfastError.is(error, 'OUT_OF_RANGE')) return new NbdError('EINVAL', words, { cause: error });
  if (HoldfastError.is(error, 'NO_SPACE')) return new NbdError('ENOSPC', words, { cause: error });
  return new NbdError('EIO', words, { cause: error });
}
