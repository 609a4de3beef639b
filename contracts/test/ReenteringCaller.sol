// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title ReenteringCaller: an account that, when it is paid or called, calls back
contract ReenteringCaller {
    address private _target;
    bytes private _again;

    /// @notice How often it was paid or called.
    uint256 public entered;

    /// @notice How often what it then called went through.
    uint256 public succeeded;

    receive() external payable {
        ++entered;
        if (_again.length == 0) return;
        (bool went, ) = _target.call(_again);
        if (went) ++succeeded;
    }

    /// @notice Calls `target` with `data`, and with `again` as often as it is called meanwhile. Passes on reverts.
    function run(address target, bytes calldata data, bytes calldata again) external returns (bytes memory) {
        (_target, _again) = (target, again);
        (bool went, bytes memory output) = target.call(data);
        if (!went) {
            assembly ("memory-safe") {
                revert(add(output, 32), mload(output))
            }
        }
        return output;
    }
}
