export { exitCodes } from './commands/exit-codes.js';
export * from './config/index.js';
export { defaultLegBytes, type DemoOptions } from './demo/options.js';
export { type ChartLibrary, loadChartLibrary, renderPage } from './demo/report/page.js';
export type {
  Band,
  Check,
  DemoReport,
  ModeSegment,
  Moment,
  ResyncPoint,
  SceneResult,
} from './demo/report/types.js';
export { type DemoOutcome, type DemoProgress, runDemo } from './demo/run-demo.js';
