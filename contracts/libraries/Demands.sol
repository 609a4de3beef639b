// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Demand, IDemands} from "../interfaces/IDemands.sol";
import {ISettlement} from "../interfaces/ISettlement.sol";
import {Header} from "../types/Header.sol";
import {Batch, Lane, State} from "../types/State.sol";
import {Terms} from "../types/Terms.sol";
import {BatchTree} from "./BatchTree.sol";
import {Bits} from "./Bits.sol";
import {Lanes} from "./Lanes.sol";
import {PackedLeaves} from "./PackedLeaves.sol";
import {Tiles} from "./Tiles.sol";

// slither-disable-start timestamp: deadlines are what this file is about; a few seconds either way belong to whoever builds the block

/// @title Demands: the state machine of `IDemands`
/// @dev A library of its own because these are rare paths: it keeps the contract within its size.
library Demands {
    using Lanes for Lane;

    uint256 private constant HALF = 128;
    /// @dev A deposit covers 1.5 times the gas of an answer: what it takes however small the tile, and what each leaf
    /// adds with its calldata and a signature of 256 bytes.
    uint256 private constant ANSWER_GAS = 150_000;
    uint256 private constant LEAF_GAS = 30_000;
    uint256 private constant EXPIRED_DEMAND = 64;

    /// @dev See `IDemands.demandTile`.
    // slither-disable-next-line msg-value-in-nonpayable: reached from a payable function, through a library call
    function demand(
        State storage state,
        uint256 batchId,
        uint256 tile,
        bytes32 tileRoot,
        bytes32[] calldata path
    ) external {
        // Check:
        Header header = _existing(state, batchId);
        if (block.timestamp > header.windowEnd()) revert ISettlement.TooLate(header.windowEnd());
        if (!_isTile(state, batchId, header, tile, tileRoot, path))
            revert ISettlement.NotIncluded(batchId, tile);
        Demand storage entry = state.demands[batchId][tile];
        if (entry.challenger != address(0)) revert IDemands.AlreadyDemanded(batchId, tile);
        if (header.isStruck()) revert ISettlement.Struck(batchId, tile);
        uint256 needed = depositFor(state, batchId, tile);
        if (msg.value < needed || msg.value > type(uint96).max)
            revert IDemands.InsufficientDeposit(msg.value, needed);

        // Effect:
        Lane storage lane = state.lanes[batchId >> 64];
        Terms storage terms = state.epochs.terms[header.epoch()];
        uint256 deadline = block.timestamp + terms.answerPeriod;
        uint256 spaced = uint256(lane.lastDeadline) + terms.answerSpacing;
        if (spaced > deadline) deadline = spaced;
        uint256 liable = deadline + terms.window + terms.claimWindow;
        // Spaced demands push each other ahead without end: cut off, a deadline would have passed before it was set.
        uint40 lastDeadline = SafeCast.toUint40(deadline);
        lane.lastDeadline = lastDeadline;
        if (liable > lane.liableUntil) lane.liableUntil = SafeCast.toUint40(liable);
        entry.challenger = msg.sender;
        entry.deadline = lastDeadline;
        entry.deposit = uint96(msg.value);
        entry.openedAt = uint40(block.timestamp);
        state.batches[batchId].header = header.withDemand();
        emit IDemands.TileDemanded(batchId, tile, msg.sender, deadline, msg.value);
    }

    /// @dev See `IDemands.answerTile`. Whom to credit for the halves shown first and last, and with how many wei, is for
    /// the caller to do.
    function answer(
        State storage state,
        uint256 batchId,
        uint256 tile,
        uint256 half,
        bytes calldata data,
        bytes32 other,
        bytes32[] calldata path
    ) external returns (address[2] memory payees, uint256[2] memory amounts) {
        // Check:
        Header header = _existing(state, batchId);
        Demand storage entry = state.demands[batchId][tile];
        if (entry.challenger == address(0)) revert IDemands.NotDemanded(batchId, tile);
        uint256 halves = Tiles.leavesOf(header, tile) > HALF ? 2 : 1;
        if (half >= halves) revert IDemands.WrongAnswer(batchId, tile);
        if (entry.answeredAt != 0 || (entry.halves >> half) & 1 != 0)
            revert IDemands.AlreadyAnswered(batchId, tile);
        if (block.timestamp > entry.deadline) revert ISettlement.TooLate(entry.deadline);
        bytes32 root = _tileRoot(header, tile, half, data, other);
        if (root == 0 || !_isTile(state, batchId, header, tile, root, path))
            revert IDemands.WrongAnswer(batchId, tile);

        // Effect:
        uint8 shown = entry.halves | uint8(1 << half);
        entry.halves = shown;
        uint256 middle = entry.openedAt + (uint256(entry.deadline) - entry.openedAt) / 2;
        address payee = block.timestamp <= middle ? state.lanes[batchId >> 64].owner : msg.sender;
        if (shown != (1 << halves) - 1) {
            // Paid only when all is shown: else a lane would earn more by half an answer than striking the tile costs it.
            entry.payee = payee;
        } else {
            uint256 deposit = entry.deposit;
            if (halves == 2) (payees[0], amounts[0]) = (entry.payee, deposit / 2);
            (payees[1], amounts[1]) = (payee, deposit - amounts[0]);
            entry.deposit = 0;
            entry.answeredAt = uint40(block.timestamp);
            uint256 end = block.timestamp + state.epochs.posting[header.epoch()].window();
            state.batches[batchId].header = header.withoutDemand().withEnd(end);
        }
        emit IDemands.TileAnswered(batchId, tile, half, msg.sender, data);
    }

    /// @dev See `IDemands.expireDemand`. Whom to credit, and with how many wei, is for the caller to do.
    function expire(
        State storage state,
        uint256 batchId,
        uint256 tile
    ) external returns (address challenger, uint256 amount) {
        // Check:
        Header header = _existing(state, batchId);
        Demand storage entry = state.demands[batchId][tile];
        challenger = entry.challenger;
        if (challenger == address(0)) revert IDemands.NotDemanded(batchId, tile);
        if (entry.answeredAt != 0 || entry.expired) revert IDemands.AlreadyAnswered(batchId, tile);
        if (block.timestamp <= entry.deadline) revert IDemands.NotYet(entry.deadline);

        // Effect:
        amount = entry.deposit;
        entry.expired = true;
        entry.deposit = 0;
        // slither-disable-next-line divide-before-multiply,unused-return: slashes are whole gwei, so the division is exact
        (uint256 slashed, uint256 share, ) = state.lanes[batchId >> 64].slash(
            _strikeOut(state, batchId, header, tile) *
                (state.epochs.terms[header.epoch()].leafSlash / 1 gwei),
            Lanes.PROVER_PERCENT,
            0
        );
        amount += share * 1 gwei;
        emit IDemands.DemandExpired(batchId, tile, challenger, slashed * 1 gwei);
        Tiles.countFaults(state, batchId, header.withoutDemand(), EXPIRED_DEMAND);
    }

    /// @dev The least deposit for a demand of a tile: the floor, or what showing it costs at this base fee.
    function depositFor(State storage state, uint256 batchId, uint256 tile) public view returns (uint256) {
        Header header = _existing(state, batchId);
        if (tile >= Tiles.countOf(header.count())) revert ISettlement.NotIncluded(batchId, tile);
        uint256 cost = block.basefee * (ANSWER_GAS + LEAF_GAS * Tiles.leavesOf(header, tile));
        uint256 floor = state.epochs.terms[header.epoch()].demandDeposit;
        return cost > floor ? cost : floor;
    }

    /// @dev Marks every leaf of a tile void; how many were not before.
    function _strikeOut(
        State storage state,
        uint256 batchId,
        Header header,
        uint256 tile
    ) private returns (uint256) {
        uint256 leaves = Tiles.leavesOf(header, tile);
        uint256 all = type(uint256).max >> (Tiles.SIZE - leaves);
        uint256 before = state.voids[batchId][tile];
        state.voids[batchId][tile] = all;
        return leaves - Bits.count(before);
    }

    function _existing(State storage state, uint256 batchId) private view returns (Header header) {
        header = state.batches[batchId].header;
        if (!header.exists()) revert ISettlement.UnknownBatch(batchId);
    }

    function _isTile(
        State storage state,
        uint256 batchId,
        Header header,
        uint256 tile,
        bytes32 tileRoot,
        bytes32[] calldata path
    ) private view returns (bool) {
        Batch storage batch = state.batches[batchId];
        return BatchTree.contains(batch.root, tileRoot, tile, Tiles.countOf(header.count()), path);
    }

    /// @dev The root of the tile whose half `data` packs, the other half's root given; zero for data that is none.
    function _tileRoot(
        Header header,
        uint256 tile,
        uint256 half,
        bytes calldata data,
        bytes32 other
    ) private pure returns (bytes32) {
        uint256 leaves = Tiles.leavesOf(header, tile);
        if (leaves <= HALF) return PackedLeaves.root(data, leaves);
        bytes32 own = PackedLeaves.root(data, half == 0 ? HALF : leaves - HALF);
        if (own == 0) return 0;
        return half == 0 ? BatchTree.node(own, other) : BatchTree.node(other, own);
    }
}

// slither-disable-end timestamp
