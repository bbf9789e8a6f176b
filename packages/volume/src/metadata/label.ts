import { assert, type BlockDevice, HoldfastError } from '@holdfast/core';
import { inspectPage, pageBytes, pageHeaderBytes, sealPage } from './page.js';

const kind = 0x424c_4648; // "HFLB"

/** Whose leg this is. Written when the leg is taken in, checked at every start; only `fullCopyId` ever changes. */
export interface LegLabel {
  readonly version: 1;
  readonly clusterId: string;
  readonly groupId: string;
  readonly volumeId: string;
  readonly nodeId: string;
  readonly sizeBytes: number;
  readonly activityLogExtentBytes: number;
  readonly activityLogExtents: number;
  /** `zeros` until the first write: such a leg needs no copy to equal another new one. */
  readonly content: 'zeros' | 'adopted';
  /** The full copy to the other leg whose open rest the dirty map here stands for, from the first block on that was ever open. */
  readonly fullCopyId?: string;
}

/** What a label has to say for a node to take the leg. */
export type LabelWanted = Pick<LegLabel, 'clusterId' | 'groupId' | 'volumeId' | 'nodeId' | 'sizeBytes'>;

function encode(label: LegLabel): Uint8Array {
  const page = new Uint8Array(pageBytes);
  const text = new TextEncoder().encode(JSON.stringify(label));
  assert(text.length <= pageBytes - pageHeaderBytes - 4, 'a label fits in its page');
  new DataView(page.buffer).setUint32(pageHeaderBytes, text.length, true);
  page.set(text, pageHeaderBytes + 4);
  sealPage(page, kind);
  return page;
}

function decode(page: Uint8Array, device: BlockDevice): LegLabel {
  const length = new DataView(page.buffer, page.byteOffset).getUint32(pageHeaderBytes, true);
  const text = new TextDecoder().decode(page.subarray(pageHeaderBytes + 4, pageHeaderBytes + 4 + length));
  const label = JSON.parse(text) as LegLabel;
  if ((label.version as number) !== 1) {
    throw new HoldfastError(
      'NOT_SUPPORTED',
      `${device.name} was written by a newer release (label version ${String(label.version)}): use that release.`,
    );
  }
  return label;
}

/** Undefined when the device has never been labelled. @throws HoldfastError CORRUPT */
export async function readLabel(device: BlockDevice): Promise<LegLabel | undefined> {
  const read = await device.read(0, 2 * pageBytes);
  try {
    const copies = [read.bytes.slice(0, pageBytes), read.bytes.slice(pageBytes)];
    const states = copies.map((copy) => inspectPage(copy, kind));
    const good = copies[states.indexOf('good')];
    if (good !== undefined) return decode(good, device);
    if (states.every((state) => state === 'empty')) return undefined;
    throw new HoldfastError(
      'CORRUPT',
      `Both copies of the label on ${device.name} are damaged, so it is not known whose leg this is. Nothing was changed. ` +
        `If the leg's data is to be rebuilt from the other node, put an empty device in the place of ${device.name}, move the group's record in the store away, and start again.`,
    );
  } finally {
    read.release();
  }
}

/** Both copies, one after the other, so that a torn write leaves one. */
export async function writeLabel(device: BlockDevice, label: LegLabel): Promise<void> {
  const page = encode(label);
  await device.write(0, page, { forceUnitAccess: true });
  await device.write(pageBytes, page, { forceUnitAccess: true });
}

/** @throws HoldfastError FOREIGN_LEG or SIZE_MISMATCH when the label says another group, volume, node or size. */
export function checkLabel(label: LegLabel, wanted: LabelWanted, device: BlockDevice): void {
  for (const key of ['clusterId', 'groupId', 'volumeId', 'nodeId'] as const) {
    if (label[key] !== wanted[key]) {
      throw new HoldfastError(
        'FOREIGN_LEG',
        `${device.name} belongs to ${key} "${label[key]}", this node was told "${wanted[key]}". Nothing was changed. ` +
          'Give the node its own leg, or correct the configuration.',
      );
    }
  }
  if (label.sizeBytes !== wanted.sizeBytes) {
    throw new HoldfastError(
      'SIZE_MISMATCH',
      `${device.name} was made for a leg of ${String(label.sizeBytes)} bytes, the leg now has ${String(wanted.sizeBytes)}. Nothing was changed. ` +
        'Restore the leg to its size; a volume does not change its size by itself.',
    );
  }
}
