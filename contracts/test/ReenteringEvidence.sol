// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Facts, IEvidence} from "../interfaces/IEvidence.sol";

/// @title ReenteringEvidence: evidence that calls whatever it was told to while it verifies
/// @dev A document is `abi.encode(facts, node)`, as `EvidenceHarness` has it.
contract ReenteringEvidence is IEvidence {
    address private _target;
    bytes private _again;
    uint256 private _value;

    /// @notice How often what it called went through.
    uint256 public succeeded;

    receive() external payable {}

    function prepare(address target, bytes calldata again, uint256 value) external {
        (_target, _again, _value) = (target, again, value);
    }

    function verify(
        bytes calldata document,
        bytes calldata,
        bytes calldata
    ) external override returns (Facts memory facts) {
        (facts, ) = abi.decode(document, (Facts, bytes32));
        bytes memory again = _again;
        if (again.length == 0) return facts;
        delete _again;
        (bool went, ) = _target.call{value: _value}(again);
        if (went) ++succeeded;
    }
}
