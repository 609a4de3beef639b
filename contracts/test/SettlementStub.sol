// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Assurance, IAttestationRegistry} from "../interfaces/IAttestationRegistry.sol";
import {Standing} from "../interfaces/ISettlementViews.sol";
import {Header} from "../types/Header.sol";

/// @title SettlementStub: a settlement, and its registry, that say whatever a test has them say
/// @notice So a consumer meets every standing with every assurance, in any order.
contract SettlementStub {
    uint256 public constant ANCHOR = 1_700_000_000;
    Standing private _standing;
    Assurance private _assurance;

    function say(Standing standing_, Assurance assurance_) external {
        _standing = standing_;
        _assurance = assurance_;
    }

    function standing(
        uint256,
        uint256,
        bytes32[7] calldata,
        bytes32[] calldata
    ) external view returns (Standing) {
        return _standing;
    }

    /// @notice Every batch has the one anchor.
    function batch(uint256) external pure returns (bytes32, Header) {
        return (bytes32(uint256(1)), Header.wrap(1 | (ANCHOR << 20)));
    }

    /// @notice None at any time but the anchor.
    function assurance(bytes32, uint256 at) external view returns (Assurance) {
        return at == ANCHOR ? _assurance : Assurance.None;
    }

    function registry() external view returns (IAttestationRegistry) {
        return IAttestationRegistry(address(this));
    }
}
