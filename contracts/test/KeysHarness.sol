// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {PublicKeys, Scheme} from "../libraries/PublicKeys.sol";
import {Receipts} from "../libraries/Receipts.sol";

/// @title PublicKeys and Receipts, callable
contract KeysHarness {
    function schemeOf(bytes calldata publicKey) external pure returns (Scheme) {
        return PublicKeys.schemeOf(publicKey);
    }

    function nodeOf(bytes calldata publicKey) external pure returns (bytes32) {
        return PublicKeys.nodeOf(publicKey);
    }

    function addressOf(bytes calldata publicKey) external pure returns (address) {
        return PublicKeys.addressOf(publicKey);
    }

    function modulusOf(bytes calldata publicKey) external pure returns (bytes memory) {
        return PublicKeys.modulusOf(publicKey);
    }

    function pointOf(bytes calldata publicKey) external pure returns (bytes32 x, bytes32 y) {
        return PublicKeys.pointOf(publicKey);
    }

    function isReceipt(bytes32[6] calldata receipt) external pure returns (bool) {
        return Receipts.isReceipt(receipt);
    }

    function structHash(bytes32[6] calldata receipt) external pure returns (bytes32) {
        return Receipts.structHash(receipt);
    }

    function domainSeparator(address registry) external view returns (bytes32) {
        return Receipts.domainSeparator(registry);
    }

    function digest(bytes32 separator, bytes32[6] calldata receipt) external pure returns (bytes32) {
        return Receipts.digest(separator, receipt);
    }

    function openGradientHash(bytes32[6] calldata receipt) external pure returns (bytes32) {
        return Receipts.openGradientHash(receipt);
    }

    function leafHashOf(bytes32[7] calldata leaf) external pure returns (bytes32) {
        return Receipts.leafHash(leaf);
    }

    function leafHashOf(bytes32[6] calldata receipt, bytes32 signatureHash) external pure returns (bytes32) {
        return Receipts.leafHash(receipt, signatureHash);
    }

    function measureLeafHash(bytes32[7] calldata leaf) external view returns (uint256 gasUsed) {
        gasUsed = gasleft();
        Receipts.leafHash(leaf);
        gasUsed -= gasleft();
    }
}
