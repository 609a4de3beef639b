// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Binding} from "../interfaces/IAttestationRegistry.sol";
import {Claims, IAttestations} from "../interfaces/IAttestations.sol";
import {Facts} from "../interfaces/IEvidence.sol";
import {RegistryState} from "../types/RegistryState.sol";

/// @title Evidence against claims
library Evidence {
    /// @dev Verifies the document and compares each fact with its claim.
    function check(
        RegistryState storage state,
        Claims calldata claims,
        uint256 id,
        bytes calldata publicKey,
        bytes calldata document,
        bytes calldata hints
    ) internal {
        if (keccak256(document) != claims.documentHash) revert IAttestations.WrongDocument(id);
        Facts memory facts = state.evidence[claims.kind].verify(document, hints, publicKey);
        _same(facts.measurement == claims.measurement, "measurement");
        _same(facts.documentTime == claims.documentTime, "documentTime");
        for (uint256 i; i < 4; ++i) {
            _same(facts.certificates[i] == claims.certificates[i], "certificates");
        }
        if (claims.nonce == 0) return;
        Binding binding = state.measurements[state.measurementIndex[claims.measurement]].binding;
        // Under a signature of the key the nonce only says how old the document can be: either place will do.
        bool byNonce = binding != Binding.UserData && facts.nonce == claims.nonce;
        bool byUserData = binding != Binding.Nonce && facts.userWord == claims.nonce;
        _same(byNonce || byUserData, "nonce");
    }

    function _same(bool same, string memory field) private pure {
        if (!same) revert IAttestations.ClaimDiffers(field);
    }
}
