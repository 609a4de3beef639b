// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {Demand} from "../interfaces/IDemands.sol";
import {IFault} from "../interfaces/IFault.sol";
import {Header} from "./Header.sol";
import {LaneAuthority, LaneMoney, LaneSequence} from "./LaneWords.sol";
import {PostingTerms} from "./PostingTerms.sol";
import {PromiseTerms} from "./PromiseTerms.sol";
import {Terms} from "./Terms.sol";

/// @notice A lane: two words that posts and slashes touch, one that claims read, then what is rare.
/// @dev `earlierKeys` holds the promise keys before the present one, sequence number to address. `lastDeadline` is that of
/// its latest demand. `nextAhead` is announced to hold from `aheadAt` on (0: none is). `pastReach`: numbers below it could
/// be promised under an `ahead` that has shrunk since.
struct Lane {
    LaneMoney money;
    LaneSequence sequence;
    LaneAuthority authority;
    address owner;
    uint40 exitAt;
    uint40 liableUntil;
    bool blown;
    uint40 lastDeadline;
    uint40 aheadAt;
    uint32 nextAhead;
    uint64 pastReach;
    Checkpoints.Trace160 earlierKeys;
}

/// @notice A batch: its root, and its header.
struct Batch {
    bytes32 root;
    Header header;
}

/// @notice A fault kind of an epoch: one slot, the address with the price of being caught.
struct FaultEntry {
    IFault fault;
    uint48 slashGwei;
}

/// @notice Every epoch announced. `latest` and `latestPromises` repeat the newest terms, so that a post, or a claim, reads
/// one slot.
/// The longest of a term are the most that any epoch so far had, in seconds.
struct EpochBook {
    PostingTerms latest;
    PromiseTerms latestPromises;
    uint32 longestPromiseDelay;
    uint32 longestPause;
    uint32 longestCatchUp;
    uint32 longestClaim;
    uint32 longestWindow;
    mapping(uint256 epoch => PostingTerms) posting;
    mapping(uint256 epoch => PromiseTerms) promises;
    mapping(uint256 epoch => Terms) terms;
    mapping(uint256 epoch => mapping(uint256 kind => FaultEntry)) faults;
}

/// @notice The pauses of posting: the latest in one slot with who may order one, and all, start to end.
struct PauseBook {
    address guardian;
    uint40 until;
    uint16 count;
    Checkpoints.Trace208 all;
}

/// @notice All that `Settlement` holds but credits. The libraries act on it; the contract is their shell.
/// @dev `struckAt` is read only where a header says so. `claims`: bit 0 a deadline or omission was paid, for the leaf
/// hash of whose hash the upper 248 bits stand above; bit 1 a double promise was paid.
struct State {
    EpochBook epochs;
    PauseBook pauses;
    mapping(uint256 laneId => Lane) lanes;
    mapping(uint256 batchId => Batch) batches;
    mapping(uint256 batchId => mapping(uint256 tile => uint256 bits)) voids;
    mapping(uint256 batchId => mapping(uint256 tile => Demand)) demands;
    mapping(uint256 batchId => uint256 time) struckAt;
    mapping(uint256 laneId => mapping(uint256 seq => uint256 word)) claims;
}
