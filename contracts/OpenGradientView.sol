// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAttestationRegistry, NodeState} from "./interfaces/IAttestationRegistry.sol";
import {Attestation, AttestationState} from "./interfaces/IAttestations.sol";
import {IDirectory, Listed} from "./interfaces/IDirectory.sol";
import {IHeartbeats} from "./interfaces/IHeartbeats.sol";
import {IOpenGradientView, OhttpConfig, TEEInfo} from "./interfaces/IOpenGradientView.sol";

// slither-disable-start timestamp: ages are what this file is about; a few seconds either way belong to whoever builds the block
// slither-disable-start calls-loop: a view over three contracts, read off-chain; none of them is a stranger's

/// @title OpenGradientView
contract OpenGradientView is IOpenGradientView {
    /// @dev Of a node's attestations at most so many are not over at one time, and they are the latest.
    uint256 private constant MAX_CURRENT = 3;
    /// @dev Key number, KEM, an X25519 key, the suites' length, and one suite (RFC 9458, 3.1).
    uint256 private constant KEY_CONFIG = 41;
    uint16 private constant X25519_HKDF_SHA256 = 0x0020;

    /// @inheritdoc IOpenGradientView
    IAttestationRegistry public immutable override registry;
    /// @inheritdoc IOpenGradientView
    IDirectory public immutable override directory;
    /// @inheritdoc IOpenGradientView
    IHeartbeats public immutable override heartbeats;
    /// @inheritdoc IOpenGradientView
    uint256 public immutable override heartbeatMaxAge;

    uint256 private immutable _roundLength;

    constructor(IDirectory directory_, IHeartbeats heartbeats_, uint256 heartbeatMaxAge_) {
        if (directory_.registry() != heartbeats_.registry()) {
            revert BadView(
                "heartbeats",
                "is of the directory's registry: places in another mean other nodes"
            );
        }
        _roundLength = heartbeats_.terms().roundLength;
        if (heartbeatMaxAge_ < _roundLength || heartbeatMaxAge_ > 200 * _roundLength) {
            revert BadView("heartbeatMaxAge", "is 1 to 200 rounds: what is older is not kept");
        }
        registry = directory_.registry();
        directory = directory_;
        heartbeats = heartbeats_;
        heartbeatMaxAge = heartbeatMaxAge_;
    }

    /// @inheritdoc IOpenGradientView
    function getActiveTEEs(uint8 teeType) external view override returns (TEEInfo[] memory infos) {
        bytes32[] memory nodes = _enabled(teeType);
        Listed[] memory entries = new Listed[](nodes.length);
        uint256[] memory lastSeen = new uint256[](nodes.length);
        uint256 count = 0;
        for (uint256 i; i < nodes.length; ++i) {
            entries[i] = directory.listed(nodes[i]);
            lastSeen[i] = _lastHeartbeat(entries[i], _freshRounds());
            if (_isFresh(lastSeen[i])) ++count;
        }
        infos = new TEEInfo[](count);
        for (uint256 i = nodes.length; i > 0; --i) {
            if (_isFresh(lastSeen[i - 1])) {
                infos[--count] = _info(nodes[i - 1], entries[i - 1], true, lastSeen[i - 1]);
            }
        }
    }

    /// @inheritdoc IOpenGradientView
    function getEnabledTEEs(uint8 teeType) external view override returns (bytes32[] memory) {
        return _enabled(teeType);
    }

    /// @inheritdoc IOpenGradientView
    function getTEEsByType(uint8 teeType) external view override returns (bytes32[] memory) {
        return _ofType(teeType);
    }

    /// @inheritdoc IOpenGradientView
    function getTEE(bytes32 teeId) external view override returns (TEEInfo memory) {
        if (!directory.isListed(teeId)) revert TEENotFound();
        Listed memory entry = directory.listed(teeId);
        uint256 heartbeat = _lastHeartbeat(entry, type(uint256).max);
        return _info(teeId, entry, _isEnabled(teeId, entry), heartbeat);
    }

    /// @inheritdoc IOpenGradientView
    function isTEEActive(bytes32 teeId) external view override returns (bool) {
        if (!directory.isListed(teeId)) return false;
        Listed memory entry = directory.listed(teeId);
        return _isEnabled(teeId, entry) && _isFresh(_lastHeartbeat(entry, _freshRounds()));
    }

    /// @inheritdoc IOpenGradientView
    function isTEEEnabled(bytes32 teeId) external view override returns (bool) {
        return directory.isListed(teeId) && _isEnabled(teeId, directory.listed(teeId));
    }

    /// @inheritdoc IOpenGradientView
    function getTEEPublicKey(bytes32 teeId) external view override returns (bytes memory) {
        return directory.isListed(teeId) ? directory.listed(teeId).listing.publicKey : bytes("");
    }

    function _ofType(uint8 teeType) private view returns (bytes32[] memory) {
        return directory.nodes(teeType, 0, type(uint256).max);
    }

    function _enabled(uint8 teeType) private view returns (bytes32[] memory enabled) {
        bytes32[] memory nodes = _ofType(teeType);
        uint256 count = 0;
        for (uint256 i; i < nodes.length; ++i) {
            if (_isEnabled(nodes[i], directory.listed(nodes[i]))) nodes[count++] = nodes[i];
        }
        enabled = new bytes32[](count);
        for (uint256 i; i < count; ++i) {
            enabled[i] = nodes[i];
        }
    }

    function _isEnabled(bytes32 node, Listed memory entry) private view returns (bool) {
        return entry.current && registry.wasLive(node, block.timestamp, block.timestamp);
    }

    /// @dev How many rounds back a heartbeat can be fresh: the present one, and as many as end within the age.
    function _freshRounds() private view returns (uint256) {
        return heartbeatMaxAge / _roundLength + 2;
    }

    function _isFresh(uint256 heartbeat) private view returns (bool) {
        return heartbeat != 0 && block.timestamp - heartbeat <= heartbeatMaxAge;
    }

    function _lastHeartbeat(Listed memory entry, uint256 rounds) private view returns (uint256) {
        if (entry.listing.reporter == address(0)) return 0;
        uint256 round = heartbeats.lastSeen(entry.listing.reporter, entry.listing.index, rounds);
        if (round == 0) return 0;
        uint256 end = (round + 1) * _roundLength - 1;
        return end < block.timestamp ? end : block.timestamp;
    }

    function _info(
        bytes32 node,
        Listed memory entry,
        bool enabled,
        uint256 heartbeat
    ) private view returns (TEEInfo memory) {
        NodeState memory state = registry.nodeState(node);
        uint256 first = registry.attestationsOf(node, 0, 1)[0];
        return
            TEEInfo({
                owner: state.operator,
                paymentAddress: state.payout == address(0) ? state.operator : state.payout,
                endpoint: entry.listing.endpoint,
                publicKey: entry.listing.publicKey,
                tlsCertificate: entry.listing.tlsCertificate,
                pcrHash: _measurement(node, state.registrations),
                teeType: entry.listing.nodeType,
                enabled: enabled,
                registeredAt: registry.attestation(first).startsAt,
                lastHeartbeatAt: heartbeat,
                ohttpConfig: _ohttp(entry)
            });
    }

    /// @dev The measurement of the latest attestation that is live now; of the latest where none is.
    function _measurement(bytes32 node, uint256 total) private view returns (bytes32) {
        uint256 offset = total > MAX_CURRENT ? total - MAX_CURRENT : 0;
        uint256[] memory ids = registry.attestationsOf(node, offset, MAX_CURRENT);
        for (uint256 i = ids.length; i > 0; --i) {
            Attestation memory entry = registry.attestation(ids[i - 1]);
            if (_isLive(entry)) return entry.measurement;
        }
        return registry.attestation(ids[ids.length - 1]).measurement;
    }

    function _isLive(Attestation memory entry) private view returns (bool) {
        AttestationState state = entry.state;
        bool good =
            state == AttestationState.Unchallenged ||
                state == AttestationState.Challenged ||
                state == AttestationState.Proven ||
                state == AttestationState.Endorsed;
        return good && block.timestamp >= entry.startsAt && block.timestamp < entry.endsAt;
    }

    /// @dev Reads the first suite of a key configuration for X25519. Any other reads as none: their clients could not use
    /// it.
    function _ohttp(Listed memory entry) private pure returns (OhttpConfig memory config) {
        bytes memory raw = entry.listing.ohttpKeyConfig;
        if (raw.length < KEY_CONFIG || _uint16(raw, 1) != X25519_HKDF_SHA256) return config;
        uint256 suites = _uint16(raw, 35);
        if (suites == 0 || suites % 4 != 0 || raw.length != 37 + suites) return config;
        bytes memory key = new bytes(32);
        for (uint256 i; i < 32; ++i) {
            key[i] = raw[3 + i];
        }
        config = OhttpConfig({
            keyId: uint8(raw[0]),
            kemId: X25519_HKDF_SHA256,
            kdfId: _uint16(raw, 37),
            aeadId: _uint16(raw, 39),
            publicKey: key,
            keyConfig: raw,
            registeredAt: entry.listedAt
        });
    }

    function _uint16(bytes memory raw, uint256 at) private pure returns (uint16) {
        return (uint16(uint8(raw[at])) << 8) | uint8(raw[at + 1]);
    }
}

// slither-disable-end calls-loop
// slither-disable-end timestamp
