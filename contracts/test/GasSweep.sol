// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title What a view that returns a bool says under every gas limit
/// @notice Starving a call of gas is the cheapest way to make an honest contract lie: a precompile gets at most
/// 63/64 of what is left and fails silently, and what remains may be enough to return an answer.
contract GasSweep {
    /// @notice The target returned something else than one bool.
    error NotABool(uint256 gasLimit, bytes output);

    /// @notice Calls `target` with `data` under each gas limit from `first` to `last`, `step` apart.
    /// @return yes How often it answered true.
    /// @return no How often it answered false.
    /// @return reverted How often it reverted or ran out of gas.
    function sweep(
        address target,
        bytes calldata data,
        uint256 first,
        uint256 last,
        uint256 step
    ) external view returns (uint256 yes, uint256 no, uint256 reverted) {
        for (uint256 gasLimit = first; gasLimit <= last; gasLimit += step) {
            (bool answered, bytes memory output) = target.staticcall{gas: gasLimit}(data);
            if (!answered) {
                ++reverted;
                continue;
            }
            if (output.length != 32) revert NotABool(gasLimit, output);
            if (abi.decode(output, (bool))) ++yes;
            else ++no;
        }
    }
}
