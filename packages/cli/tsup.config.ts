import { preset } from '../../tsup.preset.js';

export default [
  preset(),
  // Programs, not libraries: ESM only, and without declarations.
  preset({
    entry: { holdfast: 'src/holdfast.ts', relay: 'src/relay.ts' },
    format: ['esm'],
    clean: false,
    dts: false,
    shims: false,
  }),
];
