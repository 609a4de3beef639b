// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAttestationRegistry} from "./IAttestationRegistry.sol";
import {IDirectory} from "./IDirectory.sol";
import {IHeartbeats} from "./IHeartbeats.sol";

/// @notice How to encrypt to a node by Oblivious HTTP, as OpenGradient's clients decode it. All zero: it takes none.
/// @param keyId The configuration's number.
/// @param kemId The key encapsulation (RFC 9180, 7.1): 0x0020, X25519 with HKDF-SHA256.
/// @param kdfId The key derivation of the configuration's first suite.
/// @param aeadId The encryption of that suite.
/// @param publicKey The X25519 key, 32 bytes.
/// @param keyConfig The whole configuration (RFC 9458, 3.1), as it was listed.
/// @param registeredAt When it was listed, in unix seconds.
struct OhttpConfig {
    uint8 keyId;
    uint16 kemId;
    uint16 kdfId;
    uint16 aeadId;
    bytes publicKey;
    bytes keyConfig;
    uint256 registeredAt;
}

/// @notice A node as OpenGradient's clients decode it. Times in unix seconds.
/// @param owner The node's operator in the registry.
/// @param paymentAddress Its payout address; the operator where none was said.
/// @param endpoint As listed, like `tlsCertificate`, `publicKey` and `teeType`.
/// @param pcrHash The measurement that it was attested with: keccak256(PCR0 . PCR1 . PCR2), as theirs; zero for an
/// endorsed node.
/// @param enabled Live in the registry now, and listed by its operator.
/// @param registeredAt From when its first attestation held; zero: it has not yet.
/// @param lastHeartbeatAt The last second of the latest round in which its reporter saw it, or now where that is earlier:
/// up to a round after the heartbeat itself. Zero: not seen in the last 216 rounds.
struct TEEInfo {
    address owner;
    address paymentAddress;
    string endpoint;
    bytes publicKey;
    bytes tlsCertificate;
    bytes32 pcrHash;
    uint8 teeType;
    bool enabled;
    uint256 registeredAt;
    uint256 lastHeartbeatAt;
    OhttpConfig ohttpConfig;
}

/// @title OpenGradientView: our nodes, as OpenGradient's clients ask for them
/// @notice Answers the queries of OpenGradient's `TEERegistry` from registry, directory and heartbeats, so that their
/// SDKs find nodes here when they are given this address: names, arguments and struct are theirs. A `teeId` is our node:
/// both are keccak256 of the key's DER SubjectPublicKeyInfo. Their newest struct ends with `ohttpConfig`, which their
/// older clients do not read.
///
/// *Enabled*: live in the registry now, and listed by its operator of now. *Active*: enabled, and seen by the reporter that
/// its listing names within `heartbeatMaxAge`. That the operator chooses the reporter costs no trust: any reporter has a
/// bond at stake, and any of its bits can be challenged.
///
/// It holds nothing and changes nothing. What clients pin here, endpoint and certificate, is the operator's word (see
/// `IDirectory`), where OpenGradient's registry takes the certificate from the enclave's document: an answer counts by
/// its signature. Their queries know no pages and cost some 100,000 gas a node: where nodes are too many for one call, ask the
/// directory.
interface IOpenGradientView {
    /// @notice No such node is listed.
    error TEENotFound();
    /// @notice A parameter breaks a rule.
    error BadView(string parameter, string rule);

    /// @notice The active nodes of a type.
    function getActiveTEEs(uint8 teeType) external view returns (TEEInfo[] memory);

    /// @notice The names of the enabled nodes of a type.
    function getEnabledTEEs(uint8 teeType) external view returns (bytes32[] memory);

    /// @notice The names of all listed nodes of a type.
    function getTEEsByType(uint8 teeType) external view returns (bytes32[] memory);

    /// @notice A listed node.
    /// @dev Reverts `TEENotFound`.
    function getTEE(bytes32 teeId) external view returns (TEEInfo memory);

    /// @notice Whether a node is active; false for an unknown one.
    function isTEEActive(bytes32 teeId) external view returns (bool);

    /// @notice Whether a node is enabled; false for an unknown one.
    function isTEEEnabled(bytes32 teeId) external view returns (bool);

    /// @notice A listed node's key; empty for an unknown one.
    function getTEEPublicKey(bytes32 teeId) external view returns (bytes memory);

    /// @notice How old `lastHeartbeatAt` may be in an active node, in seconds.
    function heartbeatMaxAge() external view returns (uint256);

    /// @notice Who says which nodes are live.
    function registry() external view returns (IAttestationRegistry);

    /// @notice Who says where they are.
    function directory() external view returns (IDirectory);

    /// @notice Who says when they were seen.
    function heartbeats() external view returns (IHeartbeats);
}
