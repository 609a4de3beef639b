// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Assurance, IAttestationRegistry} from "../interfaces/IAttestationRegistry.sol";
import {ISettlement} from "../interfaces/ISettlement.sol";
import {Standing} from "../interfaces/ISettlementViews.sol";
import {Receipts} from "../libraries/Receipts.sol";
import {Header} from "../types/Header.sol";
import {IReceiptConsumer, PlacedLeaf} from "./IReceiptConsumer.sol";

/// @title ReceiptConsumer: the base of a dApp that acts on a model's answers
/// @notice A consumer inherits this, asks with `_ask`, and acts in a function with the modifier `consumes`:
///
///     function answer(bytes32 nonce, PlacedLeaf calldata at)
///         external
///         consumes(nonce, keccak256(requestBody(nonce)), at, Standing.Final, Assurance.Proven)
///     {
///         // Pay askerOf(nonce), never msg.sender: a posted receipt is public, so anyone can hand it in.
///     }
///
/// Whoever acts before Final and wants to act again at Final uses `demands` then, and checks `consumedFor`.
/// Everything is written before the function's body runs, so a body that calls strangers finds it consumed.
/// @dev Settlement and its registry are the only contracts that are called, both as views.
abstract contract ReceiptConsumer is IReceiptConsumer {
    /// @dev One slot.
    struct Question {
        address asker;
        bool answered;
    }

    /// @inheritdoc IReceiptConsumer
    ISettlement public immutable override settlement;

    /// @inheritdoc IReceiptConsumer
    IAttestationRegistry public immutable override registry;

    /// @inheritdoc IReceiptConsumer
    mapping(bytes32 receiptHash => bytes32 nonce) public override consumedFor;

    mapping(bytes32 nonce => Question) private _questions;

    uint256 private _asked;

    /// @dev Lets only a receipt pass that has this standing and assurance now. Consumes nothing.
    modifier demands(PlacedLeaf calldata at, Standing standing, Assurance assurance) {
        _demand(at, standing, assurance);
        _;
    }

    /// @dev Takes the receipt as the answer to `nonce`, or reverts.
    /// @param request What the receipt's request word must be: the hash of the exact bytes of a request that holds
    /// the nonce, as the consumer alone derives it.
    modifier consumes(
        bytes32 nonce,
        bytes32 request,
        PlacedLeaf calldata at,
        Standing standing,
        Assurance assurance
    ) {
        _consume(nonce, request, at, standing, assurance);
        _;
    }

    constructor(ISettlement settlement_) {
        settlement = settlement_;
        registry = settlement_.registry();
    }

    // ------------------------------------------------------------------------------------------------- views

    /// @inheritdoc IReceiptConsumer
    function isSettled(PlacedLeaf calldata at, Standing demanded) external view override returns (bool) {
        return _reaches(_standing(at), demanded);
    }

    /// @inheritdoc IReceiptConsumer
    function isAssured(
        uint256 batchId,
        bytes32 node,
        Assurance demanded
    ) external view override returns (bool) {
        return _assurance(batchId, node) >= demanded;
    }

    /// @inheritdoc IReceiptConsumer
    function isAcceptable(
        PlacedLeaf calldata at,
        Standing demanded,
        Assurance assurance
    ) public view override returns (bool) {
        return
            _reaches(_standing(at), demanded) && _assurance(at.batchId, at.leaf[Receipts.NODE]) >= assurance;
    }

    /// @inheritdoc IReceiptConsumer
    function isConsumed(bytes32 receiptHash) external view override returns (bool) {
        return consumedFor[receiptHash] != 0;
    }

    /// @inheritdoc IReceiptConsumer
    function isOpen(bytes32 nonce) external view override returns (bool) {
        Question storage question = _questions[nonce];
        return question.asker != address(0) && !question.answered;
    }

    /// @inheritdoc IReceiptConsumer
    function askerOf(bytes32 nonce) public view override returns (address) {
        return _questions[nonce].asker;
    }

    /// @inheritdoc IReceiptConsumer
    function receiptHashOf(bytes32[7] calldata leaf) public pure override returns (bytes32) {
        return keccak256(abi.encode(Receipts.TYPEHASH, leaf[0], leaf[1], leaf[2], leaf[3], leaf[4], leaf[5]));
    }

    // ---------------------------------------------------------------------------------------------- internal

    /// @dev A new question of `asker`, which must not be zero. Its nonce can be foreseen: it tells questions apart
    /// and hides nothing.
    function _ask(address asker) internal returns (bytes32 nonce) {
        nonce = keccak256(abi.encode(block.chainid, address(this), ++_asked, asker));
        _questions[nonce].asker = asker;
        emit Asked(nonce, asker);
    }

    /// @dev Takes the receipt as the answer to `nonce`, or reverts `UnknownNonce`, `AlreadyAnswered`,
    /// `WrongRequest`, `AlreadyConsumed`, or as `_demand` does.
    /// @return found The receipt's standing: Posted or Final.
    function _consume(
        bytes32 nonce,
        bytes32 request,
        PlacedLeaf calldata at,
        Standing standing,
        Assurance assurance
    ) internal returns (Standing found) {
        // Check: what is cheap first.
        Question storage question = _questions[nonce];
        if (question.asker == address(0)) revert UnknownNonce(nonce);
        if (question.answered) revert AlreadyAnswered(nonce);
        if (at.leaf[Receipts.REQUEST] != request) revert WrongRequest(at.leaf[Receipts.REQUEST], request);
        bytes32 receiptHash = receiptHashOf(at.leaf);
        bytes32 before = consumedFor[receiptHash];
        if (before != 0) revert AlreadyConsumed(receiptHash, before);
        found = _demand(at, standing, assurance);
        // Effect:
        question.answered = true;
        consumedFor[receiptHash] = nonce;
        emit Consumed(receiptHash, nonce, at.batchId, at.index, found);
    }

    /// @dev Reverts `NotDemandable`, `NotSettled` or `NotAssured` unless the leaf has what is demanded now.
    function _demand(
        PlacedLeaf calldata at,
        Standing standing,
        Assurance assurance
    ) internal view returns (Standing found) {
        if (standing != Standing.Posted && standing != Standing.Final) revert NotDemandable(standing);
        found = _standing(at);
        if (!_reaches(found, standing)) revert NotSettled(found, standing);
        bytes32 node = at.leaf[Receipts.NODE];
        Assurance held = _assurance(at.batchId, node);
        if (held < assurance) revert NotAssured(node, held, assurance);
    }

    function _standing(PlacedLeaf calldata at) internal view returns (Standing) {
        return settlement.standing(at.batchId, at.index, at.leaf, at.proof);
    }

    function _assurance(uint256 batchId, bytes32 node) internal view returns (Assurance) {
        return registry.assurance(node, _anchor(batchId));
    }

    /// @dev When the batch was posted, in unix seconds; zero for an unknown batch.
    function _anchor(uint256 batchId) internal view returns (uint256) {
        // slither-disable-next-line unused-return: the anchor is in the header
        (, Header header) = settlement.batch(batchId);
        return header.anchor();
    }

    /// @dev Not `found >= demanded`: Voided is the highest number of all.
    function _reaches(Standing found, Standing demanded) private pure returns (bool) {
        if (demanded == Standing.Posted) return found == Standing.Posted || found == Standing.Final;
        return demanded == Standing.Final && found == Standing.Final;
    }
}
