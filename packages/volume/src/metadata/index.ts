export * from './activity-log.js';
export * from './dirty-map.js';
export * from './label.js';
export { blockBytes, layoutOf, type MetadataLayout, metadataSizeBytes } from './layout.js';
export { crc32c, pageBytes } from './page.js';
