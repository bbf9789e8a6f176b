export {
  type CrashImage,
  crashImages,
  recordingDevice,
  type RecordedStep,
  type RecordedWrite,
} from './recording-device.js';
