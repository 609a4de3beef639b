// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAttestations} from "./IAttestations.sol";
import {IEvidence} from "./IEvidence.sol";

/// @notice How surely a node is what it says, in rising order.
enum Assurance {
    None,
    Endorsed,
    Unchallenged,
    Proven
}

/// @notice How a document of some code says who operates the node.
enum Binding {
    /// It does not: the node's key must sign the registration.
    Key,
    /// By its nonce, which must not be in the gift of whoever asks for a document.
    Nonce,
    /// By the last 32 bytes of its user data.
    UserData
}

/// @notice What the registry goes by; it never changes. Times in seconds, amounts in wei.
/// @param window How long an attestation can be contested before it is live.
/// @param proofPeriod How long a challenge waits for its proof.
/// @param maxReachBack How far a revocation or a rejection reaches back: settlement's window.
/// @param retireDelay From an operator's word to the end of its attestation: settlement's longest promise.
/// @param maxDocumentAge How old a document may be when it is posted.
/// @param maxClockSkew How far in the future its time may be.
/// @param maxAttestedFor From a document's time to the end of its attestation, at most.
/// @param bond What posting an attestation takes.
/// @param depositFloor The least deposit of a challenge.
/// @param proofGas What proving costs at most, in gas: a challenge deposits half as much again at the base fee.
struct RegistryTerms {
    uint32 window;
    uint32 proofPeriod;
    uint32 maxReachBack;
    uint32 retireDelay;
    uint32 maxDocumentAge;
    uint32 maxClockSkew;
    uint32 maxAttestedFor;
    uint96 bond;
    uint96 depositFloor;
    uint64 proofGas;
}

/// @notice A kind of evidence, and the contract that verifies it.
struct EvidenceBinding {
    uint8 kind;
    IEvidence verifier;
}

/// @notice A node as the registry has it. Times in unix seconds.
/// @param operator Who runs it; zero: unknown node.
/// @param payout Where it is paid; zero: not said.
/// @param endsAt From when its key is not to be trusted, exclusive; zero: no such record.
/// @param registrations How many attestations it has, endorsements included.
/// @param latest Its latest attestation.
struct NodeState {
    address operator;
    address payout;
    uint48 endsAt;
    uint256 registrations;
    uint256 latest;
}

/// @notice Code that may run nodes.
/// @param allowedAt Since when, in unix seconds; zero: never.
/// @param endsAt From when no more, exclusive; zero: no end recorded.
/// @param binding How its documents say who operates a node.
/// @param version What its makers call it.
/// @param build Where and how to build it again.
struct Measurement {
    uint48 allowedAt;
    uint48 endsAt;
    Binding binding;
    string version;
    string build;
}

/// @title AttestationRegistry: who may sign, and on what evidence
/// @notice A node is named by keccak256 of its public key. Changes are only ever added: each has the time from
/// which it is effective and the time at which it was recorded, so that `wasLive` gives one answer for ever.
interface IAttestationRegistry is IAttestations {
    /// @notice The owner vouches for `node`, live from `startsAt` on. Its key is here, and stored nowhere.
    event NodeEndorsed(
        uint256 indexed id,
        bytes32 indexed node,
        address indexed operator,
        uint48 startsAt,
        bytes publicKey
    );

    /// @notice `operator` runs `node` and is paid at `payout`.
    event OperatorChanged(bytes32 indexed node, address indexed operator, address payout);
    /// @notice `to` may accept `node`.
    event OperatorProposed(bytes32 indexed node, address indexed to);

    /// @notice `node` is not live from `effectiveFrom` on.
    event NodeRevoked(bytes32 indexed node, uint48 effectiveFrom, string reason);
    /// @notice `id` holds no more from `effectiveFrom` on.
    event AttestationRevoked(uint256 indexed id, uint48 effectiveFrom, string reason);
    /// @notice No attestation of `measurement` holds from `effectiveFrom` on.
    event MeasurementRevoked(bytes32 indexed measurement, uint48 effectiveFrom, string reason);
    /// @notice No attestation that hangs on `certificate` holds from `effectiveFrom` on.
    event CertificateEnded(bytes16 indexed certificate, uint48 effectiveFrom, string reason);

    /// @notice Code may run nodes from now on.
    event MeasurementAllowed(bytes32 indexed measurement, Binding binding, string version, string build);
    /// @notice `verifier` judges evidence of this kind.
    event EvidenceAdded(uint8 indexed kind, IEvidence verifier);
    /// @notice `revoker` may revoke, as the owner may.
    event RevokerChanged(address indexed revoker);
    /// @notice `amount` wei that posters had lost was burned.
    event Burned(uint256 amount);

    /// @notice The key is of no signature scheme known here.
    error UnknownKeyForm(uint256 length);
    /// @notice The owner vouches for the node already.
    error AlreadyRegistered(bytes32 node);
    /// @notice The node's key was revoked: it takes a new key.
    error NodeEnded(bytes32 node, uint256 endsAt);
    /// @notice The node was never registered.
    error UnknownNode(bytes32 node);
    /// @notice A revocation may not reach further back than `earliest`.
    error TooFarBack(uint256 effectiveFrom, uint256 earliest);
    /// @notice It has ended at `endsAt` already: a later end would bring it back.
    error AlreadyRevoked(bytes32 subject, uint256 endsAt);
    /// @notice A parameter breaks a rule.
    error BadRegistryTerms(string parameter, string rule);
    /// @notice An operator must be named.
    error NoOperator();
    /// @notice Only the owner and the revoker revoke.
    error NotRevoker(address caller);
    /// @notice Only whom the operator named accepts a node.
    error NotProposed(address caller);
    /// @notice The measurement is in the list, or was.
    error AlreadyAllowed(bytes32 measurement);
    /// @notice The list is full, or the measurement is zero.
    error CannotAllow(bytes32 measurement);
    /// @notice A kind of evidence is fixed once it is added; zero is the owner's word.
    error CannotAdd(uint8 kind);
    /// @notice There is nothing to burn.
    error NothingToSweep();

    /// @notice Vouches for a node: it is live from the next second on. Owner only; meant for test networks.
    /// @dev From the *next* second, so that no batch of this very second changes its reading.
    /// Reverts `NoOperator`, `UnknownKeyForm`, `NodeEnded`, `OtherOperator`, `AlreadyRegistered`, `OnePerSecond`,
    /// `TooManyCurrent`.
    /// @param publicKey The node's key: DER SubjectPublicKeyInfo (RSA, P-256) or the left-padded address.
    /// @param operator Who runs it.
    function endorse(bytes calldata publicKey, address operator) external returns (bytes32 node);

    /// @notice Ends a node's key from `effectiveFrom` on: in the past by at most `maxReachBack`, now, or later. Owner
    /// or revoker. An end may be moved earlier, never later.
    /// @dev Reverts `NotRevoker`, `UnknownNode`, `TooFarBack`, `AlreadyRevoked`.
    function revoke(bytes32 node, uint48 effectiveFrom, string calldata reason) external;

    /// @notice Ends one attestation; its node may be attested anew. As `revoke`.
    /// @dev Reverts `NotRevoker`, `UnknownAttestation`, `TooFarBack`, `AlreadyRevoked`.
    function revokeAttestation(uint256 id, uint48 effectiveFrom, string calldata reason) external;

    /// @notice Ends every attestation of a measurement, and bars new ones. As `revoke`.
    /// @dev Reverts `NotRevoker`, `MeasurementNotAllowed`, `TooFarBack`, `AlreadyRevoked`.
    function revokeMeasurement(bytes32 measurement, uint48 effectiveFrom, string calldata reason) external;

    /// @notice Ends every attestation that hangs on a certificate, and bars new ones. As `revoke`.
    /// @dev Reverts `NotRevoker`, `TooFarBack`, `AlreadyRevoked`.
    /// @param issuer keccak256 of the DER of its issuer's name.
    /// @param serial Its serial number.
    function revokeCertificate(
        bytes32 issuer,
        uint256 serial,
        uint48 effectiveFrom,
        string calldata reason
    ) external;

    /// @notice Allows code to run nodes. Owner only: the timelock in front of the owner is the notice.
    /// @dev Reverts `AlreadyAllowed`, `CannotAllow`.
    function allowMeasurement(
        bytes32 measurement,
        Binding binding,
        string calldata version,
        string calldata build
    ) external;

    /// @notice Adds a kind of evidence, for good. Owner only.
    /// @dev Reverts `CannotAdd`.
    function addEvidence(uint8 kind, IEvidence verifier) external;

    /// @notice Names who may revoke beside the owner; zero: nobody. Owner only.
    function setRevoker(address account) external;

    /// @notice The operator proposes another one, who must accept.
    /// @dev Reverts `NotOperator`.
    function proposeOperator(bytes32 node, address to) external;

    /// @notice Whom the operator proposed takes the node over.
    /// @dev Reverts `NotProposed`.
    function acceptOperator(bytes32 node) external;

    /// @notice The operator changes where the node is paid.
    /// @dev Reverts `NotOperator`.
    function setPayout(bytes32 node, address payout) external;

    /// @notice Burns what posters have lost. Anyone may.
    /// @dev Reverts `NothingToSweep`.
    function sweepBurned() external;

    /// @notice Whether `node` was live at `at` by the records made no later than `knownBy`. Times are unix
    /// seconds of any size; live intervals are [start, end).
    /// @dev For `at` <= `knownBy` < now the answer never changes, and no second that has passed becomes live later.
    function wasLive(bytes32 node, uint256 at, uint256 knownBy) external view returns (bool);

    /// @notice How surely `node` was what it says at `at`, by all records so far; `None` when it was not live.
    function assurance(bytes32 node, uint256 at) external view returns (Assurance);

    /// @notice A node by all records so far.
    function nodeState(bytes32 node) external view returns (NodeState memory);

    /// @notice Who runs a node.
    function operatorOf(bytes32 node) external view returns (address);

    /// @notice Whom a node's operator proposed; zero: nobody.
    function proposedOperator(bytes32 node) external view returns (address);

    /// @notice How many nodes were ever registered.
    function nodeCount() external view returns (uint256);

    /// @notice Up to `limit` nodes in the order of their registration, from the `offset`-th on.
    function nodes(uint256 offset, uint256 limit) external view returns (bytes32[] memory);

    /// @notice How many measurements were ever allowed.
    function measurementCount() external view returns (uint256);

    /// @notice Up to `limit` measurements in the order of their listing, from the `offset`-th on.
    function measurements(uint256 offset, uint256 limit) external view returns (bytes32[] memory);

    /// @notice A measurement.
    function measurementOf(bytes32 measurement) external view returns (Measurement memory);

    /// @notice From when a certificate counts no more; zero: no such record.
    function certificateEnd(bytes16 certificate) external view returns (uint48);

    /// @notice Who judges a kind of evidence; zero: nobody.
    function evidence(uint8 kind) external view returns (IEvidence);

    /// @notice Who may revoke beside the owner; zero: nobody.
    function revoker() external view returns (address);

    /// @notice What the registry goes by.
    function terms() external view returns (RegistryTerms memory);

    /// @notice How far a revocation may reach back, in seconds: settlement's window.
    function maxReachBack() external view returns (uint48);

    /// @notice What posters have lost and nobody has burned yet, in wei.
    function burned() external view returns (uint256);
}
