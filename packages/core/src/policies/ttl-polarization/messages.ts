import { onAcceptWin, onCommitWin, onOffer, onPauseRequest, onWinAck } from './handover.js';
import { onPeerHealth } from './health.js';
import { onGrant, onRequest } from './lease.js';
import { onSessionLost } from './loss.js';
import { onCommit, onPrepare, onPrepared } from './mirror.js';
import { onAccept, onPropose, onRefuse } from './resync.js';
import { type Turn } from './turn.js';
import type { PolarizationMessage } from './types.js';

/** One message of the peer, in the session that stands. */
export function onMessage(turn: Turn, message: PolarizationMessage): void {
  switch (message.kind) {
    case 'ttl-request':
      onRequest(turn, message);
      break;
    case 'ttl-grant':
      onGrant(turn, message);
      break;
    case 'health':
      onPeerHealth(turn, message);
      break;
    case 'peer-lost':
      if (turn.state.mode === 'mirrored' && message.epoch === turn.state.record.epoch) {
        onSessionLost(turn, 'peer-says-lost', `in epoch ${String(message.epoch)}`, true);
      }
      break;
    case 'mode-changed': {
      const { peer } = turn.state;
      if (peer === undefined) break;
      turn.patch({
        peer: { ...peer, introduction: message.introduction, healthAt: turn.at, proposeAt: turn.at },
      });
      break;
    }
    case 'offer-win':
      onOffer(turn, message);
      break;
    case 'accept-win':
      onAcceptWin(turn, message);
      break;
    case 'commit-win':
      onCommitWin(turn, message);
      break;
    case 'win-ack':
      onWinAck(turn, message.epoch);
      break;
    case 'pause-request':
      onPauseRequest(turn, message);
      break;
    case 'sync-propose':
      onPropose(turn, message);
      break;
    case 'sync-accept':
      onAccept(turn, message);
      break;
    case 'sync-refuse':
      onRefuse(turn, message);
      break;
    case 'mirror-prepare':
      onPrepare(turn, message);
      break;
    case 'mirror-prepared':
      onPrepared(turn, message);
      break;
    case 'mirror-commit':
      onCommit(turn, message);
      break;
  }
}
