// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

/// @title Arithmetic of the counter, linked and not inlined
library CounterMath {
    error TooMuch(uint256 total, uint256 limit);

    event Checked(uint256 total);

    function checked(uint256 total, uint256 limit) external returns (uint256) {
        if (total > limit) revert TooMuch(total, limit);
        emit Checked(total);
        return total;
    }
}

/// @title One of everything that the tests' EVM driver must understand
contract CounterHarness is ReentrancyGuardTransient {
    struct Entry {
        address by;
        uint64 at;
        bytes32[] tags;
    }

    event Added(address indexed by, uint256 amount, string indexed note);

    error NotTheOwner(address caller);

    uint256 public constant LIMIT = 100;
    address public immutable OWNER;
    uint256 public total;
    mapping(uint256 index => Entry) private _entries;

    constructor(uint256 start) payable {
        OWNER = msg.sender;
        total = start;
    }

    receive() external payable {}

    function add(uint256 amount) external returns (uint256) {
        return _add(amount, "");
    }

    function add(uint256 amount, string calldata note) external returns (uint256) {
        return _add(amount, note);
    }

    function add(uint256 amount, bytes32 note) external returns (uint256) {
        return _add(amount, string(abi.encodePacked(note)));
    }

    function reset() external nonReentrant {
        if (msg.sender != OWNER) revert NotTheOwner(msg.sender);
        total = 0;
        payable(msg.sender).transfer(address(this).balance);
    }

    function put(uint256 index, Entry calldata entry) external {
        _entries[index] = entry;
    }

    function get(uint256 index) external view returns (Entry memory entry, uint256 time) {
        return (_entries[index], block.timestamp);
    }

    function subtract(uint256 amount) external {
        total -= amount;
    }

    function spin() external view {
        while (total < LIMIT) {}
    }

    function _add(uint256 amount, string memory note) private returns (uint256) {
        total = CounterMath.checked(total + amount, LIMIT);
        emit Added(msg.sender, amount, note);
        return total;
    }
}
