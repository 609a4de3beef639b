// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Credits: what a contract owes, and how it is pulled
/// @notice Nothing in Afterproof pushes ether to anybody: a payout becomes a credit that its owner withdraws,
/// so that no counterparty can make another's transaction fail.
interface ICredits {
    /// @notice `account` withdrew `amount` wei of its credit to `to`.
    event Withdrawn(address indexed account, address indexed to, uint256 amount);

    /// @notice The caller has nothing to withdraw.
    error NoCredit(address account);

    /// @notice `to` refused the payment; the credit stays.
    error PaymentRefused(address to);

    /// @notice What this contract owes `account`, in wei.
    function credits(address account) external view returns (uint256);

    /// @notice Pays the caller's whole credit to `to`.
    /// @dev Reverts `NoCredit` or `PaymentRefused`; a receiver that refuses harms nobody but itself.
    /// @return amount The wei paid.
    function withdraw(address payable to) external returns (uint256 amount);
}
