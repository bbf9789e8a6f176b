export { createInitiator } from './initiator.js';
