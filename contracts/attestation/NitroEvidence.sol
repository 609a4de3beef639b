// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {Sha384} from "../crypto/Sha384.sol";
import {Slices} from "../encoding/Slice.sol";
import {Facts, IEvidence} from "../interfaces/IEvidence.sol";
import {INitroEvidence, ProvenCertificate} from "../interfaces/INitroEvidence.sol";
import {IP384} from "../interfaces/IP384.sol";
import {Certificate, Certificates} from "./Certificates.sol";
import {Attestation, NitroDocument} from "./NitroDocument.sol";

/// @title NitroEvidence
/// @dev Calls nobody but the verifier of signatures, which is fixed and calls nobody. Who is short of gas changes
/// nothing: a call that runs out of it reverts, and so does everything around it.
contract NitroEvidence is INitroEvidence, Ownable2Step {
    /// The registry records as many.
    uint256 private constant MAX_BELOW_ROOT = 4;
    /// PCR0, PCR1, PCR2: the image, the kernel with its boot, the application.
    uint256 private constant MEASURED = 3;
    /// A multihash: SHA-256, 32 bytes.
    uint256 private constant MULTIHASH = 0x1220;
    /// The bytes of user_data that are two of them: of the TLS certificate and of the key that signs.
    uint256 private constant KEY_HASHES = 68;

    /// @inheritdoc INitroEvidence
    IP384 public immutable override verifier;

    /// @inheritdoc INitroEvidence
    bytes32 public override root;

    mapping(bytes32 path => ProvenCertificate) private _certificates;

    /// @param owner_ Who may pin another root.
    /// @param root_ SHA-256 of the root's DER.
    /// @param verifier_ Of signatures.
    constructor(address owner_, bytes32 root_, IP384 verifier_) Ownable(owner_) {
        verifier = verifier_;
        root = root_;
        emit RootChanged(root_);
    }

    /// @inheritdoc INitroEvidence
    function setRoot(bytes32 root_) external override onlyOwner {
        root = root_;
        emit RootChanged(root_);
    }

    /// @inheritdoc INitroEvidence
    function proveCertificate(
        bytes calldata der,
        bytes32 parent,
        bytes calldata hints
    ) external override returns (bytes32 path) {
        if (parent == 0) return _proveRoot(der);
        if (!_certificates[parent].proven) revert UnknownParent(parent);
        return _proveBelow(der, parent, hints);
    }

    /// @inheritdoc IEvidence
    function verify(
        bytes calldata document,
        bytes calldata hints,
        bytes calldata publicKey
    ) external override returns (Facts memory facts) {
        // Check: what is cheap first.
        Attestation memory found = NitroDocument.read(document);
        facts.measurement = _measurement(document, found);
        (facts.nonce, facts.userWord) = _words(document, found, publicKey);

        // Effect: certificates are remembered.
        (bytes32[3] memory key, bytes calldata rest) = _proveChain(document, found, hints, facts);
        // Since the chain is valid then, it is far below 2^48.
        facts.documentTime = uint48(_seconds(found));

        // Check:
        bytes calldata own;
        (own, rest) = _split(rest);
        if (rest.length != 0) revert BadHints(rest.length);
        (uint256 high, uint256 low) = NitroDocument.digest(document, found);
        bytes memory signature = _pair(found.rHigh, found.rLow, found.sHigh, found.sLow);
        if (!_isSigned(high, low, signature, key, own)) revert DocumentNotProven();
    }

    /// @inheritdoc INitroEvidence
    function certificate(bytes32 path) external view override returns (ProvenCertificate memory) {
        return _certificates[path];
    }

    // --------------------------------------------------------------------------------------------- the chain

    /// @dev Judges every certificate at the document's time, and writes its id into `facts`. All are proven here but those
    /// that were before; and remembered but the last, for on the others more documents hang. Returns the last one's key,
    /// and the hints that are left.
    function _proveChain(
        bytes calldata document,
        Attestation memory found,
        bytes calldata hints,
        Facts memory facts
    ) private returns (bytes32[3] memory key, bytes calldata rest) {
        uint256 below = found.cabundle.length;
        if (below > MAX_BELOW_ROOT) revert ChainTooLong(below);
        uint256 time = _seconds(found);
        bytes32 path = _proveRoot(found.cabundle[0].bytesIn(document));
        _checkTime(0, time, _certificates[path].notBefore, _certificates[path].notAfter);

        rest = hints;
        bytes calldata own;
        for (uint256 place = 1; place < below; ++place) {
            (own, rest) = _split(rest);
            path = _proveBelow(found.cabundle[place].bytesIn(document), path, own);
            ProvenCertificate storage authority = _certificates[path];
            _checkTime(place, time, authority.notBefore, authority.notAfter);
            facts.certificates[place - 1] = authority.id;
        }

        (own, rest) = _split(rest);
        ProvenCertificate memory last = _lastOf(found.certificate.bytesIn(document), path, own);
        _checkTime(below, time, last.notBefore, last.notAfter);
        if (last.isAuthority) revert SignedByAuthority();
        if (!last.signsMessages) revert MayNotSignDocuments();
        facts.certificates[below - 1] = last.id;
        key = last.key;
    }

    /// @dev The certificate that signs the document, proven before or now.
    function _lastOf(
        bytes calldata der,
        bytes32 parent,
        bytes calldata hints
    ) private view returns (ProvenCertificate memory) {
        bytes32 path = _pathOf(der, parent);
        return _certificates[path].proven ? _certificates[path] : _prove(der, parent, hints);
    }

    function _checkTime(uint256 place, uint256 time, uint256 notBefore, uint256 notAfter) private pure {
        if (time < notBefore || time > notAfter) revert NotValidAt(place, time, notBefore, notAfter);
    }

    function _seconds(Attestation memory found) private pure returns (uint256) {
        return found.timestamp / 1000;
    }

    // ------------------------------------------------------------------------------------- one certificate

    /// @dev Remembers the root, unless it was before. Nobody signs it but its hash.
    function _proveRoot(bytes calldata der) private returns (bytes32 path) {
        bytes32 found = sha256(der);
        if (found != root) revert WrongRoot(found, root);
        path = _pathOf(der, 0);
        if (!_certificates[path].proven) _remember(path, 0, _asProven(der, Certificates.read(der)));
    }

    /// @dev Proves and remembers a certificate below a proven one, unless it was before.
    function _proveBelow(
        bytes calldata der,
        bytes32 parent,
        bytes calldata hints
    ) private returns (bytes32 path) {
        path = _pathOf(der, parent);
        if (!_certificates[path].proven) _remember(path, parent, _prove(der, parent, hints));
    }

    function _remember(bytes32 path, bytes32 parent, ProvenCertificate memory proven) private {
        _certificates[path] = proven;
        emit CertificateProven(path, parent, proven.id);
    }

    /// @dev Whether the proven certificate at `parent` issued this one, and might.
    function _prove(
        bytes calldata der,
        bytes32 parent,
        bytes calldata hints
    ) private view returns (ProvenCertificate memory proven) {
        Certificate memory read = Certificates.read(der);
        ProvenCertificate storage issuer = _certificates[parent];
        proven = _asProven(der, read);
        uint256 place = uint256(issuer.depth) + 1;
        if (place > MAX_BELOW_ROOT) revert ChainTooLong(place);
        proven.depth = uint8(place);
        if (!issuer.isAuthority) revert NotAuthority(place - 1);
        if (!issuer.signsCertificates) revert MayNotSignCertificates(place - 1);
        if (keccak256(read.issuer.bytesIn(der)) != issuer.subject) revert WrongIssuer(place);
        uint256 allowed = issuer.pathLength;
        if (proven.isAuthority && allowed != Certificates.NO_PATH_LIMIT) {
            if (allowed == 0) revert PathTooLong(place);
            if (proven.pathLength >= allowed) proven.pathLength = uint8(allowed - 1);
        }
        (uint256 high, uint256 low) = Sha384.digestCalldata(read.tbs.bytesIn(der));
        bytes memory signature = _pair(read.rHigh, read.rLow, read.sHigh, read.sLow);
        if (!_isSigned(high, low, signature, issuer.key, hints)) revert CertificateNotProven(place);
    }

    /// @dev What is remembered of a certificate, by its own word.
    function _asProven(
        bytes calldata der,
        Certificate memory read
    ) private pure returns (ProvenCertificate memory) {
        return
            ProvenCertificate({
                notBefore: uint40(read.notBefore),
                notAfter: uint40(read.notAfter),
                pathLength: uint8(read.pathLength),
                depth: 0,
                isAuthority: read.isAuthority,
                signsCertificates: read.signsCertificates,
                signsMessages: read.signsMessages,
                proven: true,
                id: bytes16(keccak256(abi.encode(keccak256(read.issuer.bytesIn(der)), read.serial))),
                key: [
                    bytes32((read.xHigh << 128) | (read.xLow >> 128)),
                    bytes32((read.xLow << 128) | read.yHigh),
                    bytes32(read.yLow)
                ],
                subject: keccak256(read.subject.bytesIn(der))
            });
    }

    function _pathOf(bytes calldata der, bytes32 parent) private pure returns (bytes32) {
        return keccak256(abi.encode(parent, keccak256(der)));
    }

    // ------------------------------------------------------------------------------------------ the document

    /// @dev keccak256(PCR0 . PCR1 . PCR2), none of them missing or all zeros.
    function _measurement(bytes calldata document, Attestation memory found) private pure returns (bytes32) {
        for (uint256 i; i < MEASURED; ++i) {
            if (found.pcrs[i].isAbsent()) revert MissingPcr(i);
            uint256 at = found.pcrs[i].offset();
            if (Slices.word(document, at) | Slices.number(document, at + 32, 16) == 0) revert DebugMode(i);
        }
        return
            keccak256(
                bytes.concat(
                    found.pcrs[0].bytesIn(document),
                    found.pcrs[1].bytesIn(document),
                    found.pcrs[2].bytesIn(document)
                )
            );
    }

    /// @dev Checks that the document names `publicKey`, as OpenGradient's gateways do, by the second of two multihashes
    /// with which user_data begins, or by public_key. Returns the words that it carries: the nonce, if it has 32 bytes, and the
    /// last 32 bytes of user_data, which are no part of those hashes.
    function _words(
        bytes calldata document,
        Attestation memory found,
        bytes calldata publicKey
    ) private pure returns (bytes32 nonce, bytes32 userWord) {
        bytes calldata data = found.userData.bytesIn(document);
        bool hasHashes =
            data.length >= KEY_HASHES &&
                Slices.number(data, 0, 2) == MULTIHASH &&
                Slices.number(data, KEY_HASHES / 2, 2) == MULTIHASH;
        bool isNamed = hasHashes && Slices.word(data, KEY_HASHES - 32) == uint256(sha256(publicKey));
        if (!isNamed && publicKey.length != 0) {
            isNamed = keccak256(found.publicKey.bytesIn(document)) == keccak256(publicKey);
        }
        if (!isNamed) revert KeyNotNamed();

        if (found.nonce.length() == 32) nonce = bytes32(Slices.word(document, found.nonce.offset()));
        uint256 taken = hasHashes ? KEY_HASHES : 0;
        if (data.length >= taken + 32) userWord = bytes32(Slices.word(data, data.length - 32));
    }

    // -------------------------------------------------------------------------------------------- signatures

    /// @dev The first hints of a row, and the others.
    function _split(bytes calldata hints) private pure returns (bytes calldata first, bytes calldata rest) {
        if (hints.length < 2) revert BadHints(hints.length);
        uint256 end = 2 + Slices.number(hints, 0, 2);
        if (end > hints.length) revert BadHints(hints.length);
        return (hints[2:end], hints[end:]);
    }

    /// @dev Two numbers of 384 bits as 96 bytes.
    function _pair(
        uint256 aHigh,
        uint256 aLow,
        uint256 bHigh,
        uint256 bLow
    ) private pure returns (bytes memory) {
        return abi.encodePacked(uint128(aHigh), aLow, uint128(bHigh), bLow);
    }

    function _isSigned(
        uint256 high,
        uint256 low,
        bytes memory signature,
        bytes32[3] memory key,
        bytes calldata hints
    ) private view returns (bool) {
        bytes memory digest = abi.encodePacked(uint128(high), low);
        // slither-disable-next-line calls-loop: at most four times, of a contract that is fixed and holds no state
        return verifier.verify(digest, signature, abi.encodePacked(key), hints);
    }
}
