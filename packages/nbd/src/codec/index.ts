/** The protocol as bytes: pure, incremental, without sockets. What server and client of this package are built on. */
export { ByteQueue } from './byte-queue.js';
export * from './constants.js';
export {
  decodeGoRequest,
  decodeMetaContextRequest,
  encodeClientFlags,
  encodeGoRequest,
  encodeGreeting,
  encodeMetaContextRequest,
  encodeOption,
  type NbdGoRequest,
  type NbdMetaContextRequest,
  type NbdOption,
  OptionDecoder,
} from './option.js';
export {
  encodeExportNameReply,
  encodeInfoBlockSize,
  encodeInfoExport,
  encodeInfoText,
  encodeListEntry,
  encodeMetaContext,
  encodeOptionReply,
  type NbdOptionReply,
  OptionReplyDecoder,
} from './option-reply.js';
export { encodeChunkHeader, encodeSimpleReply, ReplyDecoder } from './reply.js';
export { encodeRequest, type NbdRequestHeader, RequestDecoder } from './request.js';
