// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";

/// @title Receipts and leaves, hashed
/// @notice A receipt is six raw words: node, model, request, response, evidence, issuedAt. Raw, because a
/// batch holds whatever its poster wrote: a typed decoder reverts on an issuedAt of 2^64 or more, and then
/// nothing could ever be proven against it. A leaf is the receipt and the keccak256 of its signature.
library Receipts {
    uint256 internal constant NODE = 0;
    uint256 internal constant MODEL = 1;
    uint256 internal constant REQUEST = 2;
    uint256 internal constant RESPONSE = 3;
    uint256 internal constant EVIDENCE = 4;
    uint256 internal constant ISSUED_AT = 5;

    bytes32 internal constant TYPEHASH = keccak256(
        "Receipt(bytes32 node,bytes32 model,bytes32 request,bytes32 response,bytes32 evidence,uint64 issuedAt)"
    );
    bytes32 private constant DOMAIN_TYPEHASH = keccak256(
        "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    );
    bytes32 private constant NAME_HASH = keccak256("Afterproof");
    bytes32 private constant VERSION_HASH = keccak256("1");

    /// Before a leaf's words, so that no inner node of the batch tree can pass for a leaf (RFC 9162 2.1.1).
    bytes1 private constant LEAF_PREFIX = 0x00;

    /// @notice Whether the six words are a receipt at all: issuedAt must be a uint64.
    function isReceipt(bytes32[6] calldata receipt) internal pure returns (bool) {
        return uint256(receipt[ISSUED_AT]) <= type(uint64).max;
    }

    /// @notice The receipt hash: EIP-712 `hashStruct`. It does not depend on the signature.
    /// @dev For words that are no receipt it is still a number of their own, shared with no other words.
    function structHash(bytes32[6] calldata receipt) internal pure returns (bytes32) {
        return keccak256(abi.encode(TYPEHASH, receipt));
    }

    /// @notice The domain separator of receipts for `registry` on the chain that asks.
    /// @dev Computed anew each time, some 200 gas, so that two halves of a split chain share no signatures.
    function domainSeparator(address registry) internal view returns (bytes32) {
        return keccak256(abi.encode(DOMAIN_TYPEHASH, NAME_HASH, VERSION_HASH, block.chainid, registry));
    }

    /// @notice What a node signs under an EIP-712 scheme.
    function digest(bytes32 separator, bytes32[6] calldata receipt) internal pure returns (bytes32) {
        return MessageHashUtils.toTypedDataHash(separator, structHash(receipt));
    }

    /// @notice OpenGradient's hash of a receipt: keccak256(request . response . uint256(issuedAt)). The
    /// *message* of its RSA-PSS signature, which is hashed once more with SHA-256. Does not cover node, model
    /// and evidence.
    function openGradientHash(bytes32[6] calldata receipt) internal pure returns (bytes32) {
        return keccak256(abi.encode(receipt[REQUEST], receipt[RESPONSE], receipt[ISSUED_AT]));
    }

    /// @notice The leaf hash: keccak256(0x00 . leaf).
    /// @param leaf The receipt's six words and keccak256(signature).
    function leafHash(bytes32[7] calldata leaf) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(LEAF_PREFIX, leaf));
    }

    /// @notice The leaf hash of a receipt whose signature's hash is at hand.
    function leafHash(bytes32[6] calldata receipt, bytes32 signatureHash) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(LEAF_PREFIX, receipt, signatureHash));
    }
}
