// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {Binding, RegistryTerms} from "../interfaces/IAttestationRegistry.sol";
import {IEvidence} from "../interfaces/IEvidence.sol";

/// @dev Slot one is all that reading needs: the latest attestation, when it was posted, whether the key was revoked,
/// and whether that attestation is the owner's word without an end of its own: then nothing else need be read.
struct NodeRecord {
    uint40 latest;
    uint40 latestAt;
    bool revoked;
    bool endorsed;
    address operator;
    address payout;
    address proposed;
}

/// @dev When an attestation holds, in one slot. Times in unix seconds.
/// `earlier` and `earliest` are the attestations of the node that were not over when this one was posted, zero: none.
/// So what can be live from its posting to the next is it, or one of these.
struct Tenure {
    uint40 startsAt; // zero: contested, never live unless it is proven
    uint40 until; // attestedUntil; for an endorsement the largest number
    uint40 deadline; // of an open or lost challenge; zero: none
    uint40 earlier;
    uint40 earliest;
    uint16 measurement; // its place in the list, from 1; zero for an endorsement
    uint8 kind;
    uint8 flags;
}

/// @dev The evidence was proven.
uint8 constant PROVEN = 1;
/// @dev It has an end of its own in `ends`.
uint8 constant ENDED = 2;
/// @dev That end is a revocation, else its operator's word.
uint8 constant REVOKED = 4;

/// @dev What an attestation was posted with, and the money it holds.
struct Posting {
    bytes32 node;
    bytes32 claimsHash;
    address poster;
    uint96 bond;
    address challenger;
    uint96 deposit;
}

/// @dev The first slot is all that reading needs.
struct MeasurementRecord {
    uint48 allowedAt;
    bool revoked;
    Binding binding;
    bytes32 measurement;
    string version;
    string build;
}

/// @dev Everything that `AttestationRegistry` remembers but credits and its owner. An end is recorded at a time (key)
/// and holds from a time (value); keys rise, and values only fall.
struct RegistryState {
    RegistryTerms terms;
    uint256 burned;
    uint40 count;
    address revoker;
    uint256 noncesOpened;
    mapping(bytes32 node => NodeRecord) nodes;
    /// All attestations of a node but the latest: when posted (key), which (value).
    mapping(bytes32 node => Checkpoints.Trace208) history;
    mapping(bytes32 node => Checkpoints.Trace208) nodeEnds;
    mapping(uint256 id => Tenure) tenures;
    mapping(uint256 id => bytes16[4]) certificates;
    mapping(uint256 id => Posting) postings;
    mapping(uint256 id => Checkpoints.Trace208) ends;
    mapping(bytes16 certificate => Checkpoints.Trace208) certificateEnds;
    mapping(bytes32 measurement => uint16) measurementIndex;
    mapping(uint256 index => MeasurementRecord) measurements;
    mapping(uint256 index => Checkpoints.Trace208) measurementEnds;
    uint16 measurementCount;
    mapping(uint8 kind => IEvidence) evidence;
    /// keccak256(abi.encode(operator, payout)) of each nonce that was opened.
    mapping(bytes32 nonce => bytes32) nonces;
    bytes32[] order;
}
