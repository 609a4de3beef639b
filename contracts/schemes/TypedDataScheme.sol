// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Scheme} from "../libraries/PublicKeys.sol";
import {Receipts} from "../libraries/Receipts.sol";
import {SignatureScheme} from "./SignatureScheme.sol";

/// @title A scheme that signs EIP-712 over the whole receipt
/// @notice Domain: name "Afterproof", version "1", the chain's id, and the registry as the verifying contract.
abstract contract TypedDataScheme is SignatureScheme {
    /// @notice The registry that holds the nodes: the verifying contract of the domain.
    address public immutable registry;

    constructor(Scheme scheme_, address registry_) SignatureScheme(scheme_) {
        registry = registry_;
    }

    /// @notice The EIP-712 domain separator under which receipts are signed on this chain.
    function domainSeparator() public view returns (bytes32) {
        return Receipts.domainSeparator(registry);
    }

    /// @dev What the node signs.
    function _digest(bytes32[6] calldata receipt) internal view returns (bytes32) {
        return Receipts.digest(domainSeparator(), receipt);
    }
}
