// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Claim} from "../interfaces/IFault.sol";
import {ISettlement} from "../interfaces/ISettlement.sol";

/// @title ReenteringProver: a prover that tries to be paid twice
contract ReenteringProver {
    ISettlement private immutable SETTLEMENT;
    uint256 public entered;

    constructor(ISettlement settlement) {
        SETTLEMENT = settlement;
    }

    receive() external payable {
        ++entered;
        try SETTLEMENT.withdraw(payable(address(this))) {
            ++entered;
        } catch {}
    }

    function prove(uint8 kind, Claim calldata claim) external {
        SETTLEMENT.proveFault(kind, claim);
    }

    function withdraw() external {
        SETTLEMENT.withdraw(payable(address(this)));
    }
}
