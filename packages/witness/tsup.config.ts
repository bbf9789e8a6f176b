import { preset } from '../../tsup.preset.js';

// The decision and the witness in memory stand alone, for platforms that are not Node.js.
export default preset({ entry: { index: 'src/index.ts', 'service/index': 'src/service/index.ts' } });
