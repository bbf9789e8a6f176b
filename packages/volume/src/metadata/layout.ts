import { pageBytes, pageHeaderBytes } from './page.js';

/** The dirty map has one bit for each block of this size. */
export const blockBytes = 4096;

/** After the page header: sequence number (8), index of the page (4), spare (4). */
export const logPageHeadBytes = pageHeaderBytes + 16;
export const logSlotsPerPage = (pageBytes - logPageHeadBytes) / 4;
export const mapBitsPerPage = (pageBytes - pageHeaderBytes) * 8;

/**
 * Where things stand on a leg's metadata device, in bytes:
 * two copies of the label, two copies of each page of the activity log, then the dirty map.
 */
export interface MetadataLayout {
  readonly logPages: number;
  readonly logFromBytes: number;
  readonly mapPages: number;
  readonly mapFromBytes: number;
  readonly sizeBytes: number;
}

export function layoutOf(volumeSizeBytes: number, activityLogExtents: number): MetadataLayout {
  const logPages = Math.ceil(activityLogExtents / logSlotsPerPage);
  const mapPages = Math.ceil(Math.ceil(volumeSizeBytes / blockBytes) / mapBitsPerPage);
  const logFromBytes = 2 * pageBytes;
  const mapFromBytes = logFromBytes + 2 * logPages * pageBytes;
  return { logPages, logFromBytes, mapPages, mapFromBytes, sizeBytes: mapFromBytes + mapPages * pageBytes };
}

/** How large a metadata device has to be for a volume of that size: about 32 MiB for each TiB. */
export function metadataSizeBytes(volumeSizeBytes: number, activityLogExtents = 1237): number {
  return layoutOf(volumeSizeBytes, activityLogExtents).sizeBytes;
}
