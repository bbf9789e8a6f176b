import { type BlockDevice, HoldfastError } from '@holdfast/core';
import { blockDeviceSuite, type BlockDeviceFixture, type MemoryDisk } from '../../src/index.js';
import { memoryDeviceFixture } from './fixtures.js';
import { changed, type Mutant, type Mutants } from './mutant.js';

type Wrong = (device: BlockDevice, disk: MemoryDisk) => Partial<BlockDevice>;

/** Each life of the device gets the mistake. */
function mutant(mistake: string, caughtBy: string, wrong: Wrong): Mutant<BlockDeviceFixture> {
  return {
    mistake,
    caughtBy,
    fixture: () => {
      const fixture = memoryDeviceFixture();
      const open = async (): Promise<BlockDevice> => {
        const device = await fixture.open();
        return changed(device, wrong(device, fixture.disk));
      };
      return { ...fixture, open };
    },
  };
}

const lent = (bytes: Uint8Array): Awaited<ReturnType<BlockDevice['read']>> => ({
  bytes,
  release: () => undefined,
});

/** Mistakes in what is read and written. */
const bytes: readonly Mutant<BlockDeviceFixture>[] = [
  mutant('has a size that is no number of bytes', 'says its name and its size', () => ({
    sizeBytes: Number.NaN,
  })),
  mutant(
    'drops the last sector of a long write',
    'reads back what was written, at any offset and to the last byte',
    (device) => ({
      write: (at, data, options) =>
        device.write(at, data.length > 4096 ? data.subarray(0, data.length - 512) : data, options),
    }),
  ),
  mutant(
    'rounds a write out to whole sectors, with zeros',
    'leaves the bytes beside a write as they were',
    (device) => ({
      write: async (at, data, options) => {
        const from = at - (at % 512);
        const padded = new Uint8Array(
          Math.min(device.sizeBytes - from, Math.ceil((at - from + data.length) / 512) * 512),
        );
        if (data.length === 0 || at > device.sizeBytes - data.length || at < 0)
          return device.write(at, data, options);
        padded.set(data, at - from);
        return device.write(from, padded, options);
      },
    }),
  ),
  mutant(
    'refuses a length of zero at its end',
    'takes a length of zero anywhere, also at its end',
    (device) => ({
      read: (at, length) => device.read(at, length === 0 && at === device.sizeBytes ? -1 : length),
    }),
  ),
  mutant(
    'reads zeros behind its end',
    'refuses what does not fit with OUT_OF_RANGE, and does nothing',
    (device) => ({
      read: (at, length) =>
        at >= device.sizeBytes ? Promise.resolve(lent(new Uint8Array(length))) : device.read(at, length),
    }),
  ),
  mutant(
    'cuts a write off at its end, and calls that success',
    'refuses what does not fit with OUT_OF_RANGE, and does nothing',
    (device) => ({
      write: (at, data, options) => {
        const room = device.sizeBytes - at;
        return device.write(at, room > 0 ? data.subarray(0, room) : data, options);
      },
    }),
  ),
  mutant(
    'writes what fits before it refuses the rest',
    'refuses what does not fit with OUT_OF_RANGE, and does nothing',
    (device) => ({
      write: async (at, data, options) => {
        const room = device.sizeBytes - at;
        if (room > 0 && room < data.length) await device.write(at, data.subarray(0, room));
        await device.write(at, data, options);
      },
    }),
  ),
  mutant(
    'throws instead of rejecting',
    'refuses what does not fit with OUT_OF_RANGE, and does nothing',
    (device) => ({
      read: (at, length) => {
        if (at < 0) throw new HoldfastError('OUT_OF_RANGE', 'Below the device.');
        return device.read(at, length);
      },
    }),
  ),
  mutant(
    'keeps the memory of its writer',
    'shares no memory with its caller once a call has settled',
    (device) => {
      const kept = new Map<number, Uint8Array>();
      return {
        write: async (at, data, options) => {
          await device.write(at, data, options);
          kept.set(at, data);
        },
        read: async (at, length) => {
          const same = kept.get(at);
          return same?.length === length ? lent(same.slice()) : device.read(at, length);
        },
      };
    },
  ),
  mutant(
    'reads into one buffer for all',
    'shares no memory with its caller once a call has settled',
    (device) => {
      const all = new Uint8Array(device.sizeBytes);
      return {
        read: async (at, length) => {
          const { bytes: found } = await device.read(at, length);
          all.set(found);
          return lent(all.subarray(0, length));
        },
      };
    },
  ),
  mutant(
    'takes mayTrim as leave to do nothing',
    'reads zeros after writeZeroes, with and without mayTrim, and nowhere else',
    (device) => ({
      writeZeroes: (at, length, options) =>
        options?.mayTrim === true ? Promise.resolve() : device.writeZeroes(at, length, options),
    }),
  ),
  mutant(
    'loses every fortieth write',
    'does what an array of bytes does, over random operations',
    (device) => {
      let count = 0;
      return {
        write: async (at, data, options) => {
          count += 1;
          if (count % 40 !== 0) await device.write(at, data, options);
        },
      };
    },
  ),
  mutant(
    'mixes up two writes that are under way together',
    'keeps calls apart that run side by side',
    (device) => {
      let last: Uint8Array | undefined;
      let underWay = 0;
      return {
        write: async (at, data, options) => {
          const mixed = underWay > 0 && last?.length === data.length + 1 ? last.subarray(1) : data;
          last = data;
          underWay += 1;
          await device.write(
            at,
            underWay > 2 && data.length > 0
              ? mixed.map((byte, index) => (index === 0 ? byte ^ 1 : byte))
              : mixed,
            options,
          );
          underWay -= 1;
        },
      };
    },
  ),
];

/** Mistakes that show when a life of the device ends. */
const lives: readonly Mutant<BlockDeviceFixture>[] = [
  {
    mistake: 'begins empty whenever it is opened',
    caughtBy: 'holds what it holds over closing and opening',
    fixture: () => ({ open: () => memoryDeviceFixture().open() }),
  },
  {
    mistake: 'keeps writes in its own process until a flush',
    caughtBy: 'keeps every write that has returned when its process is killed',
    fixture: () => {
      const fixture = memoryDeviceFixture();
      return { ...fixture, kill: async () => fixture.disk.losePower('nothing') };
    },
  },
  mutant('says yes to a flush and does nothing', 'has everything stable by the time a flush returns', () => ({
    flush: async () => undefined,
  })),
  mutant(
    'answers every fifth flush before it is done',
    'keeps what a flush has covered when the power goes, and invents nothing',
    (device) => {
      let count = 0;
      return {
        flush: async () => {
          count += 1;
          if (count % 5 !== 0) await device.flush();
        },
      };
    },
  ),
  mutant('ignores forceUnitAccess', 'has a write with forceUnitAccess stable when it returns', (device) => ({
    write: (at, data) => device.write(at, data),
    writeZeroes: (at, length) => device.writeZeroes(at, length),
  })),
  mutant(
    'ignores forceUnitAccess of zeros',
    'has a write with forceUnitAccess stable when it returns',
    (device) => ({
      writeZeroes: (at, length) => device.writeZeroes(at, length),
    }),
  ),
  mutant('lets a repeated flush succeed', 'refuses every flush after one that has failed', (device) => {
    let failed = false;
    return {
      flush: async () => {
        if (failed) return;
        failed = true;
        await device
          .flush()
          .finally(() => undefined)
          .then(() => (failed = false));
      },
    };
  }),
  mutant(
    'still reads when it is closed',
    'refuses every call with CLOSED once it is disposed of, and may be disposed of twice',
    (device, disk) => ({
      read: async (at, length) =>
        device.read(at, length).catch((error: unknown) => {
          if (!HoldfastError.is(error, 'CLOSED')) throw error;
          const into = new Uint8Array(length);
          disk.readVisible(at, into);
          return lent(into);
        }),
    }),
  ),
  mutant(
    'forgets the calls that are under way when it closes',
    'ends every call that was under way when it is disposed of',
    (device) => {
      let closed = false;
      return {
        read: async (at, length) => {
          const buffer = await device.read(at, length);
          for (let turn = 0; turn < 8; turn += 1) await Promise.resolve();
          return closed ? new Promise(() => undefined) : buffer;
        },
        [Symbol.asyncDispose]: async () => {
          closed = true;
          await device[Symbol.asyncDispose]();
        },
      };
    },
  ),
  mutant(
    'says that it has no writeZeroes, and writes zeros before it refuses',
    'refuses with NOT_SUPPORTED what it says it cannot do, and does nothing',
    (device) => ({
      supports: { writeZeroes: false },
      writeZeroes: async (at, length) => {
        await device.write(at, new Uint8Array(length).fill(9));
        throw new HoldfastError('NOT_SUPPORTED', 'No zeros here.');
      },
    }),
  ),
  mutant(
    'says that it has no forceUnitAccess, and takes it for a plain write',
    'refuses with NOT_SUPPORTED what it says it cannot do, and does nothing',
    (device) => ({ supports: { forceUnitAccess: false }, write: (at, data) => device.write(at, data) }),
  ),
];

export const deviceMutants: Mutants<BlockDeviceFixture> = {
  suite: blockDeviceSuite,
  sound: mutant('', '', () => ({})).fixture,
  mutants: [...bytes, ...lives],
};
