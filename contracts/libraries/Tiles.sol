// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Demand} from "../interfaces/IDemands.sol";
import {ISettlement} from "../interfaces/ISettlement.sol";
import {Header} from "../types/Header.sol";
import {State} from "../types/State.sol";

// slither-disable-start timestamp: deadlines are what this file is about; a few seconds either way belong to whoever builds the block

/// @title Tiles: 256 consecutive leaves of a batch, and when each ends
library Tiles {
    uint256 internal constant SIZE = 256;
    /// @dev The end of a tile while a demand on it is open: it has none yet.
    uint256 internal constant OPEN = type(uint256).max;

    /// @dev The fault count at which a batch is struck.
    uint256 private constant FUSE = 256;

    /// @dev How many tiles `count` leaves fill.
    function countOf(uint256 count) internal pure returns (uint256) {
        return (count + SIZE - 1) / SIZE;
    }

    /// @dev How many leaves a tile of the batch has.
    function leavesOf(Header header, uint256 tile) internal pure returns (uint256) {
        uint256 left = header.count() - tile * SIZE;
        return left < SIZE ? left : SIZE;
    }

    /// @dev The last second in which the leaves of a tile can be disputed, or `OPEN`; and when the tile was struck, or 0.
    /// Struck: its demand ran out, or the batch's fuse blew before the tile had ended.
    function timesOf(
        State storage state,
        uint256 batchId,
        Header header,
        uint256 tile
    ) internal view returns (uint256 end, uint256 struckAt) {
        end = header.windowEnd();
        if (header.hasDemands()) {
            Demand storage demand = state.demands[batchId][tile];
            if (demand.answeredAt != 0) {
                uint256 ownEnd = demand.answeredAt + state.epochs.posting[header.epoch()].window();
                if (ownEnd > end) end = ownEnd;
            } else if (demand.challenger != address(0)) {
                end = OPEN;
                if (block.timestamp > demand.deadline) struckAt = demand.deadline;
            }
        }
        if (header.isStruck()) {
            uint256 fuse = state.struckAt[batchId];
            if (fuse <= end && (struckAt == 0 || fuse < struckAt)) struckAt = fuse;
        }
    }

    /// @dev Adds `number` to a batch's fault count. At 256 its fuse blows: what is not final in it is void, and its lane
    /// may never post again.
    function countFaults(State storage state, uint256 batchId, Header header, uint256 number) internal {
        header = header.withFaults(number);
        if (header.faultCount() >= FUSE && !header.isStruck()) {
            header = header.withStrike();
            state.struckAt[batchId] = block.timestamp;
            state.lanes[batchId >> 64].blown = true;
            state.lanes[batchId >> 64].money = state.lanes[batchId >> 64].money.withPoster(address(0));
            emit ISettlement.FuseBlown(batchId);
        }
        state.batches[batchId].header = header;
    }
}

// slither-disable-end timestamp
