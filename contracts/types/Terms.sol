// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IFault} from "../interfaces/IFault.sol";

/// @notice Everything an epoch fixes. Times in seconds, amounts in wei and whole gwei.
/// @param window How long a batch can be disputed.
/// @param answerPeriod How long a demand waits for its answer.
/// @param answerSpacing Seconds between two demand deadlines of one lane.
/// @param claimWindow How long a broken promise can be claimed after it is due.
/// @param maxPostingDelay How old a receipt may be when it is posted.
/// @param maxClockSkew How far in the future a receipt may be when it is posted.
/// @param maxPromiseDelay How far ahead a promise may be due.
/// @param margin Seconds that a promise leaves before maxPostingDelay.
/// @param catchUp Seconds a lane has after a pause before a promise due during it is late.
/// @param maxOutage How long the chain may be down or censor without anybody losing a right.
/// @param maxPause The longest pause of posting by the guardian.
/// @param pauseSpacing Seconds from the end of one pause to the start of the next, at least.
/// @param coverShare Share of the slashes of open receipts that a lane's stake must cover, in 1/10,000.
/// @param leafSlash What a proven leaf fault costs.
/// @param promiseSlash What a broken promise costs.
/// @param minStake What a lane must hold whatever it has open.
/// @param demandDeposit The least deposit of a demand.
struct Terms {
    uint32 window;
    uint32 answerPeriod;
    uint32 answerSpacing;
    uint32 claimWindow;
    uint32 maxPostingDelay;
    uint32 maxClockSkew;
    uint32 maxPromiseDelay;
    uint32 margin;
    uint32 catchUp;
    uint32 maxOutage;
    uint32 maxPause;
    uint32 pauseSpacing;
    uint16 coverShare;
    uint96 leafSlash;
    uint96 promiseSlash;
    uint96 minStake;
    uint96 demandDeposit;
}

/// @notice A fault kind of an epoch: its number in `FaultKinds`, one that the lane answers for, and the contract that
/// judges it.
struct FaultBinding {
    uint8 kind;
    IFault fault;
}
