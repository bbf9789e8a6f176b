export { decide, type Decision, type ServedAnswer } from './decide.js';
export type { WitnessEvent } from './events.js';
export {
  createInMemoryWitness,
  type InMemoryWitness,
  type InMemoryWitnessOptions,
  memoryProof,
  memoryStore,
} from './memory.js';
export type { WitnessOperator } from './port.js';
export { judgeMemory, type MemoryVerdict, type Proof, type ProofKeeper } from './proof.js';
export {
  emptyRecord,
  type GroupRecord,
  incarnationOf,
  type Registration,
  viewOf,
  type WitnessMeta,
} from './record.js';
export {
  forgetAcknowledgement,
  type ForgetRequest,
  type ManualPromoteRequest,
  type MemberRequest,
  type OperatorRequest,
  promoteAcknowledgement,
  type PromoteRequest,
  type ReassertRequest,
  type RegisterRequest,
  type RejoinRequest,
  type StatusRequest,
  type WitnessRequest,
} from './request.js';
