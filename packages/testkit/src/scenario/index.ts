export { policyTranscript, type PolicyBindings } from './policy-transcript.js';
export {
  parseTranscript,
  replayTranscript,
  type Transcript,
  type TranscriptBlock,
  type TranscriptHandler,
  type TranscriptHandlers,
  type TranscriptRun,
} from './transcript.js';
