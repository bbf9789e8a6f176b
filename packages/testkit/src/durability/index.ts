export { type CrashImage, type CrashImageOptions, crashImages } from './crash-images.js';
export {
  recordingDevice,
  type RecordedStability,
  type RecordedStep,
  type RecordedWrite,
} from './recording-device.js';
