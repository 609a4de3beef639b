// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice A relayer's word (EIP-712, domain "Afterproof", "1", chainId, Settlement): `count` receipts, whose leaf
/// hashes are the leaves of the tree with `root`, will stand from `firstSeq` of `lane` on by `includeBy`.
struct InclusionPromise {
    uint32 lane;
    uint64 firstSeq;
    uint32 count;
    bytes32 root;
    uint64 includeBy;
    address beneficiary;
}

/// @notice A signed promise opened at one number.
/// @param inclusion What was signed.
/// @param signature 65 bytes r . s . v of the lane's promise key for `seq`; low s, v of 27 or 28.
/// @param seq The number.
/// @param leafHash The leaf hash promised there.
/// @param proof Its inclusion proof in the promise's tree; empty for a promise of one receipt.
struct Opening {
    InclusionPromise inclusion;
    bytes signature;
    uint64 seq;
    bytes32 leafHash;
    bytes32[] proof;
}

/// @title Promises: claimed in one transaction, with no bond and no answer period
/// @notice Half of a promise slash burns; 45 % goes to the beneficiary and 5 % to the caller. A promise without a
/// beneficiary burns that share too. A posted leaf keeps its promise even when it reads Voided; a void neither
/// breaks nor mends a promise. Claims are taken until claimWindow after the later of due time and the end, or
/// strike, of the tile. For each number there is one slash for deadline or omission, and one for a double promise.
interface IPromises {
    /// @notice A promise was broken: `fault` 1 missed deadline, 2 omitted receipt, 3 double promise.
    event PromiseBroken(
        uint32 indexed lane,
        uint256 indexed seq,
        uint8 fault,
        address indexed beneficiary,
        address caller,
        uint256 slashed
    );

    /// @notice The lane's promise key for that number did not sign it, or the promise does not hold the leaf there.
    error NotPromised(uint256 lane, uint256 seq);
    /// @notice The number was never below `nextSeq + ahead`, or the promise is due too long after the lane began to leave.
    error Unenforceable(uint256 lane, uint256 seq);
    /// @notice The promise was kept, or may still be.
    error NotBroken(uint256 lane, uint256 seq);
    /// @notice The slash for that number and kind was claimed before.
    error AlreadyClaimed(uint256 lane, uint256 seq);

    /// @notice Claims that a receipt was posted late, or not at all, or that its place was struck.
    /// @dev Reverts `NotPromised`, `Unenforceable`, `UnknownBatch`, `NotIncluded`, `NotBroken`, `TooLate`,
    /// `AlreadyClaimed`. A promise that falls due during a pause, or the catchUp after it, is late only after both.
    /// @param firstSeq Names the batch that holds the number; ignored while none does.
    function claimMissed(Opening calldata opening, uint64 firstSeq) external;

    /// @notice Claims that another leaf stands at the number.
    /// @dev Reverts as `claimMissed`.
    /// @param other The hash of the leaf that does, the empty leaf's included.
    /// @param path Its inclusion proof in the batch.
    function claimOmitted(
        Opening calldata opening,
        uint64 firstSeq,
        bytes32 other,
        bytes32[] calldata path
    ) external;

    /// @notice Claims that two different leaves were promised for one number. The first named promise is paid, unless
    /// its leaf has been paid for: then the second.
    /// @dev Reverts as `claimMissed`.
    /// @param firstSeq Names the batch that holds the number; ignored while none does.
    function claimDouble(Opening calldata first, Opening calldata second, uint64 firstSeq) external;

    /// @notice Whether the lane is bound now to post the leaf at the number: its authority for that number signed, the
    /// promise holds the leaf there and is enforceable, nothing is posted at the number yet, and it is not overdue. Once
    /// something is posted, `standing` tells of the leaf; what is overdue is broken: see `claimMissed`.
    /// @dev Never reverts on a wrong promise. How far ahead it is due, and what stake answers for it, are the caller's to
    /// judge: see includeBy, and `lane`.
    function isPromised(Opening calldata opening) external view returns (bool);

    /// @notice Which claims of a number were paid: deadline or omission, and double promise.
    function claimsOf(uint256 lane, uint256 seq) external view returns (bool broken, bool doubled);

    /// @notice The key that signs promises of `lane` for `seq`.
    function promiseKeyOf(uint256 lane, uint256 seq) external view returns (address);

    /// @notice The last second in which a promise due at `includeBy` is in time, pauses regarded.
    function dueOf(uint64 includeBy) external view returns (uint256);
}
