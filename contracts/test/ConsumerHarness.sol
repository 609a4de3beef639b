// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {PlacedLeaf} from "../consumer/IReceiptConsumer.sol";
import {ReceiptConsumer} from "../consumer/ReceiptConsumer.sol";
import {Assurance} from "../interfaces/IAttestationRegistry.sol";
import {ISettlement} from "../interfaces/ISettlement.sol";
import {Standing} from "../interfaces/ISettlementViews.sol";

/// @title ConsumerHarness: the least that a consumer can be, with the request left to the caller
contract ConsumerHarness is ReceiptConsumer {
    /// @notice How often a modifier let its body run.
    uint256 public acted;

    error AskerRefused();

    constructor(ISettlement settlement) ReceiptConsumer(settlement) {}

    function ask() external returns (bytes32 nonce) {
        return _ask(msg.sender);
    }

    /// @notice Consumes, then calls whoever asked, as a careless consumer would.
    function act(
        bytes32 nonce,
        bytes32 request,
        PlacedLeaf calldata at,
        Standing standing,
        Assurance assurance
    ) external consumes(nonce, request, at, standing, assurance) {
        ++acted;
        (bool accepted, ) = askerOf(nonce).call("");
        if (!accepted) revert AskerRefused();
    }

    function look(
        PlacedLeaf calldata at,
        Standing standing,
        Assurance assurance
    ) external demands(at, standing, assurance) {
        ++acted;
    }

    /// @notice What `consumes` costs, in gas.
    function meterConsumes(
        bytes32 nonce,
        bytes32 request,
        PlacedLeaf calldata at,
        Standing standing,
        Assurance assurance
    ) external returns (uint256 before) {
        before = gasleft();
        _consume(nonce, request, at, standing, assurance);
        before -= gasleft();
    }

    /// @notice What `demands` costs, in gas.
    function meterDemands(
        PlacedLeaf calldata at,
        Standing standing,
        Assurance assurance
    ) external view returns (uint256 before) {
        before = gasleft();
        _demand(at, standing, assurance);
        before -= gasleft();
    }
}
