export {
  createController,
  type Controller,
  type ControllerEvent,
  type ControllerOptions,
  type StatusAnswer,
} from './controller.js';
export type { ControlEvent } from './messages.js';
export { serveControl, type ServeControlOptions } from './server.js';
