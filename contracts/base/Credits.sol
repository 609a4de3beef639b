// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ICredits} from "../interfaces/ICredits.sol";

/// @title Credits: the base of every contract here that holds money
abstract contract Credits is ICredits {
    /// @inheritdoc ICredits
    mapping(address account => uint256 amount) public override credits;

    /// @inheritdoc ICredits
    function withdraw(address payable to) external override returns (uint256 amount) {
        // Check:
        amount = credits[msg.sender];
        // slither-disable-next-line incorrect-equality: an emptiness test, of no balance and no time
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
        // slither-disable-next-line arbitrary-send-eth,low-level-calls: it pays what the caller owns to whom it names, or burns; the result is checked
        (bool accepted, ) = to.call{value: amount}("");
        if (!accepted) revert PaymentRefused(to);
    }
}
