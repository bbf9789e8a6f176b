import { preset } from '../../tsup.preset.js';

// Programs, not libraries: ESM only, and without declarations.
const programs = preset({
  entry: { holdfast: 'src/holdfast.ts', relay: 'src/relay.ts' },
  format: ['esm'],
  clean: false,
  shims: false,
});

export default process.argv.includes('--dts-only') ? preset() : [preset(), programs];
