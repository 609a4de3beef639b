// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice A demand as a reader wants it. Times in unix seconds, amounts in wei.
/// @param challenger Who demanded; zero: the tile was never demanded.
/// @param openedAt When.
/// @param payee Who is owed half the deposit, once all is shown, for the half that was shown first; zero: nobody.
/// @param deadline The last second in which it can be answered.
/// @param answeredAt When the last of its halves was shown; zero: not yet, or never.
/// @param halves Bit i: half i was shown.
/// @param expired Whether it was settled as unanswered.
/// @param deposit What is held of the deposit.
struct Demand {
    address challenger;
    uint40 deadline;
    uint40 answeredAt;
    uint8 halves;
    bool expired;
    uint96 deposit;
    uint40 openedAt;
    address payee;
}

/// @title Demands: "show me this tile", bonded, answered on-chain before a deadline or lost
/// @notice For a tile whose data cannot be had, or does not hash to its root. An answer puts the leaves into the event
/// and gives the tile a window of its own, so that what it shows can still be disputed. A tile that is not answered in
/// time reads struck from the second after its deadline.
interface IDemands {
    /// @notice `challenger` demands a tile and deposits `deposit` wei.
    event TileDemanded(
        uint256 indexed batchId,
        uint256 tile,
        address indexed challenger,
        uint256 deadline,
        uint256 deposit
    );

    /// @notice Half a tile was shown: the packed leaves are in `data`.
    event TileAnswered(
        uint256 indexed batchId,
        uint256 tile,
        uint256 half,
        address indexed answerer,
        bytes data
    );

    /// @notice Nobody answered; the lane lost `slashed` wei.
    event DemandExpired(uint256 indexed batchId, uint256 tile, address indexed challenger, uint256 slashed);

    /// @notice A tile can be demanded once.
    error AlreadyDemanded(uint256 batchId, uint256 tile);
    /// @notice The tile is not demanded.
    error NotDemanded(uint256 batchId, uint256 tile);
    /// @notice The demand, or that half of it, is settled.
    error AlreadyAnswered(uint256 batchId, uint256 tile);
    /// @notice The data is no such half tile, or does not hash to the batch's root.
    error WrongAnswer(uint256 batchId, uint256 tile);
    /// @notice A demand costs `needed` wei at the present base fee.
    error InsufficientDeposit(uint256 deposit, uint256 needed);
    /// @notice Not before the second after `until`.
    error NotYet(uint256 until);

    /// @notice Demands that the leaves of a tile be shown. Anyone may, until the batch's windowEnd, inclusive.
    /// @dev Reverts `UnknownBatch`, `TooLate`, `NotIncluded`, `AlreadyDemanded`, `Struck`, `InsufficientDeposit`. All
    /// of the value sent is the deposit. Deadline: an answer period from now, and never sooner than answerSpacing after
    /// the lane's last one, so that no lane must answer faster than it can.
    /// @param tileRoot The tile's root: the answer must hash to it.
    /// @param path Its inclusion proof among the tile roots.
    function demandTile(
        uint256 batchId,
        uint256 tile,
        bytes32 tileRoot,
        bytes32[] calldata path
    ) external payable;

    /// @notice Shows half a tile: its first 128 leaves (`half` 0) or the rest (1). Anyone may, until the deadline.
    /// @dev Reverts `UnknownBatch`, `NotDemanded`, `AlreadyAnswered`, `TooLate`, `WrongAnswer`. Half the deposit is for
    /// each half: the lane's owner's when it was shown in the first half of the period, whoever did, the answerer's
    /// later. It is paid when the whole tile was shown: for half a tile nobody is owed anything.
    /// @param data Packed leaves: for each a uint16 length, the six words, the signature; 0xffff alone: the empty leaf.
    /// @param other The root of the other half; ignored for a tile of at most 128 leaves, which has one half.
    /// @param path The tile root's inclusion proof among the tile roots.
    function answerTile(
        uint256 batchId,
        uint256 tile,
        uint256 half,
        bytes calldata data,
        bytes32 other,
        bytes32[] calldata path
    ) external;

    /// @notice Settles a demand that was not answered, or by half only: the whole deposit goes back, the lane loses a
    /// leaf slash for each leaf that was not void already, half of it to the challenger; it counts 64 towards the fuse.
    /// @dev Reverts `UnknownBatch`, `NotDemanded`, `AlreadyAnswered`, `NotYet`.
    function expireDemand(uint256 batchId, uint256 tile) external;

    /// @notice A demand; zeros where the tile was never demanded.
    function demandOf(uint256 batchId, uint256 tile) external view returns (Demand memory);

    /// @notice The least deposit for a demand of a tile at the present base fee, in wei.
    function depositFor(uint256 batchId, uint256 tile) external view returns (uint256);
}
