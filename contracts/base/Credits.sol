// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ICredits} from "../interfaces/ICredits.sol";

/// @title Credits: the base of every contract here that holds money
abstract contract Credits is ICredits {
    /// @dev Nobody has the key of this address: ether sent there is burned. A contract cannot destroy ether
    /// otherwise since EIP-6780.
    address internal constant BURN_ADDRESS = 0x000000000000000000000000000000000000dEaD;

    /// @inheritdoc ICredits
    mapping(address account => uint256 amount) public override credits;

    /// @inheritdoc ICredits
    function withdraw(address payable to) external override returns (uint256 amount) {
        // Check:
        amount = credits[msg.sender];
        if (amount == 0) revert NoCredit(msg.sender);
        // Effect: before the interaction, so that a re-entering receiver finds nothing.
        credits[msg.sender] = 0;
        emit Withdrawn(msg.sender, to, amount);
        // Interaction:
        _pay(to, amount);
    }

    /// @dev Owes `account` another `amount` wei.
    function _credit(address account, uint256 amount) internal {
        credits[account] += amount;
    }

    /// @dev Sends `amount` wei, or reverts `PaymentRefused`. State must be settled before.
    function _pay(address to, uint256 amount) internal {
        (bool accepted, ) = to.call{value: amount}("");
        if (!accepted) revert PaymentRefused(to);
    }
}
