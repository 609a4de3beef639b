// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Assurance, IAttestationRegistry} from "../interfaces/IAttestationRegistry.sol";
import {ISettlement} from "../interfaces/ISettlement.sol";
import {Standing} from "../interfaces/ISettlementViews.sol";

/// @notice A leaf and where it stands, all of it supplied by the caller and none of it trusted.
/// @param batchId `lane << 64 | firstSeq`.
/// @param index The leaf's number in the batch.
/// @param leaf Seven raw words: the receipt, then keccak256 of its signature.
/// @param proof The leaf's path in the batch tree.
struct PlacedLeaf {
    uint256 batchId;
    uint256 index;
    bytes32[7] leaf;
    bytes32[] proof;
}

/// @title What every contract that acts on receipts shows
/// @notice A consumer asks questions and acts on answers. Each question has a nonce that no other question of any
/// contract on any chain has, and the consumer derives from it the one request whose receipts answer it. So a
/// receipt for another's question, or for the same words asked elsewhere, answers nothing here.
/// One question is answered by one receipt, once, and one receipt answers one question, whatever lanes and batches
/// it stands in and however it is signed.
///
/// Two things are demanded of a receipt, and each is only as old as the call that asks:
/// - its standing. `Final` lasts for ever. `Posted` says that somebody with a stake put it there and that the
///   read rules hold so far: *nobody has checked the signature*, and it can still become `Voided`. What is done on
///   Posted is done at the consumer's own risk, so bound it, and say by what.
/// - its node's assurance at the batch's anchor, by all records so far. It can fall later by a record that reaches
///   back, even after Final: what was done stays done, what is still to be done asks again.
///
/// A nonce does not stop its asker from asking many nodes, or one node many times, and showing only the answer it
/// likes best. Where the model is not deterministic, name the node and keep the asker from choosing.
///
/// No predicate ever reverts on what the caller supplied, and a refusal is always one of the errors below, never a
/// panic. (What is no ABI encoding at all does not reach a contract: the decoder refuses it without a word.)
interface IReceiptConsumer {
    /// @notice `asker` asked; the receipt whose request word follows from `nonce` will be the answer.
    event Asked(bytes32 indexed nonce, address indexed asker);

    /// @notice The receipt at `index` of `batchId`, with standing `found`, was taken as the answer to `nonce`.
    event Consumed(
        bytes32 indexed receiptHash,
        bytes32 indexed nonce,
        uint256 batchId,
        uint256 index,
        Standing found
    );

    /// @notice Of a leaf the chain can only tell Posted and Final: nothing else can be demanded.
    error NotDemandable(Standing demanded);
    /// @notice The leaf stands lower than demanded, is void, or (Unknown) is not there: a wrong batch, index,
    /// leaf or proof.
    error NotSettled(Standing found, Standing demanded);
    /// @notice The node had less assurance at the batch's anchor than demanded.
    error NotAssured(bytes32 node, Assurance found, Assurance demanded);
    /// @notice Nobody asked with this nonce here.
    error UnknownNonce(bytes32 nonce);
    /// @notice The question has its answer already.
    error AlreadyAnswered(bytes32 nonce);
    /// @notice The receipt has answered the question `nonce`.
    error AlreadyConsumed(bytes32 receiptHash, bytes32 nonce);
    /// @notice The receipt is for another request than the question's.
    error WrongRequest(bytes32 found, bytes32 expected);

    /// @notice Whether the leaf's standing is at least `demanded`. False for anything but Posted and Final.
    function isSettled(PlacedLeaf calldata at, Standing demanded) external view returns (bool);

    /// @notice Whether `node` had at least this assurance at the anchor of `batchId`, by all records so far.
    /// @dev Says nothing of any leaf. An unknown batch has anchor zero, when no node was live.
    function isAssured(uint256 batchId, bytes32 node, Assurance demanded) external view returns (bool);

    /// @notice Both at once, for the leaf's own node: what a `demands` modifier with these values lets pass now.
    function isAcceptable(
        PlacedLeaf calldata at,
        Standing demanded,
        Assurance assurance
    ) external view returns (bool);

    /// @notice Whether a receipt has answered a question here.
    function isConsumed(bytes32 receiptHash) external view returns (bool);

    /// @notice Whether somebody asked with this nonce and no receipt has answered yet.
    function isOpen(bytes32 nonce) external view returns (bool);

    /// @notice Who asked; zero for an unknown nonce.
    function askerOf(bytes32 nonce) external view returns (address);

    /// @notice The question that a receipt has answered; zero for none.
    function consumedFor(bytes32 receiptHash) external view returns (bytes32 nonce);

    /// @notice The receipt hash of a leaf: EIP-712 `hashStruct` of its first six words, not of the signature.
    function receiptHashOf(bytes32[7] calldata leaf) external pure returns (bytes32);

    /// @notice Who says how a receipt stands.
    function settlement() external view returns (ISettlement);

    /// @notice Who says which node is what: settlement's.
    function registry() external view returns (IAttestationRegistry);
}
