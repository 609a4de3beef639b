// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Sha384} from "../crypto/Sha384.sol";
import {Cbor} from "../encoding/Cbor.sol";
import {Slice, Slices} from "../encoding/Slice.sol";

/// @notice What an attestation document says. Slices are into the document; that of an optional field which is null is
/// absent, other than that of an empty one.
struct Attestation {
    Slice moduleId;
    /// Unix milliseconds.
    uint256 timestamp;
    /// The platform configuration registers by their numbers, 48 bytes each; absent where the document has none.
    Slice[32] pcrs;
    /// The DER of the certificate whose key signs the document.
    Slice certificate;
    /// The DER of the certificates above, the root first.
    Slice[] cabundle;
    Slice publicKey;
    Slice userData;
    Slice nonce;
    /// The payload with its CBOR head, as it is signed.
    Slice payload;
    /// The signature, two numbers of 384 bits: the high 128 bits, and the low 256.
    uint256 rHigh;
    uint256 rLow;
    uint256 sHigh;
    uint256 sLow;
}

/// @title A strict reader of AWS Nitro attestation documents
/// @notice A COSE_Sign1 (RFC 9052 section 4.2) with ES384, whose payload is one CBOR map. The tag 18 may be there or not,
/// as real documents leave it out; the payload's map may have a definite length, as in 2024, or an indefinite one, as in
/// 2026. Everything else has one form. All nine keys must be there, in any order, as Nitro always writes them; others
/// are refused, since one could change what these mean. Judging is the caller's: signature, certificates, time, PCRs.
/// @dev The tag is not signed, and an ECDSA signature can be turned into another one: know documents by their payload, not
/// by the hash of the file.
library NitroDocument {
    /// @notice The document has more than MAX_LENGTH bytes.
    error DocumentTooLong(uint256 length);
    /// @notice What stands at `offset` is not the protected header {1: -35} with an empty unprotected one.
    error BadHeader(uint256 offset);
    /// @notice Something stands between the last item at `offset` and `end`, where what holds it ends.
    error TrailingItems(uint256 offset, uint256 end);
    /// @notice The string at `offset` has fewer or more bytes than its field may have.
    error BadSize(uint256 offset, uint256 size);
    /// @notice The time at `offset` is zero.
    error NoTimestamp(uint256 offset);
    /// @notice The key at `offset` is none that a document has.
    error UnknownKey(uint256 offset);
    /// @notice The key at `offset` stands there for the second time.
    error DuplicateKey(uint256 offset);
    /// @notice The map that ends at `offset` lacks a key. `found` has a bit for each that is there, in the order in which
    /// Nitro writes them, that of module_id being 1.
    error MissingKey(uint256 offset, uint256 found);
    /// @notice The digest named at `offset` is not SHA384.
    error UnknownDigest(uint256 offset);
    /// @notice The item at `offset` is empty, or has more entries than a document can have.
    error BadCount(uint256 offset);
    /// @notice The PCR at `offset` has a number above 31, or stands there for the second time, or has not 48 bytes.
    error BadPcr(uint256 offset);

    /// Of documents, in bytes: what the hypervisor's own interface allows.
    uint256 internal constant MAX_LENGTH = 16_384;
    uint256 internal constant MAX_PCRS = 32;
    uint256 internal constant MAX_CABUNDLE = 16;

    uint256 private constant TAG_18 = 0xd2;
    /// The head of an array of four.
    uint256 private constant ARRAY_OF_4 = 0x84;
    /// The bytes {1: -35}, as a string, and an empty map.
    uint256 private constant HEADERS = 0x44a1013822a0;
    uint256 private constant SIGNATURE_LENGTH = 96;
    uint256 private constant PCR_LENGTH = 48;
    /// Of certificates, public_key, and the two others that an enclave may fill, in bytes.
    uint256 private constant MAX_CERTIFICATE = 1024;
    uint256 private constant MAX_PUBLIC_KEY = 1024;
    uint256 private constant MAX_DATA = 512;
    /// The beginning of Sig_structure (RFC 9052 section 4.4): the context, the protected header, nothing external. The
    /// payload follows as it stands in the document, since its head is minimal.
    bytes18 private constant SIGNED_HEAD = 0x846a5369676e61747572653144a101382240;

    /// SHA384 as Cbor.name packs it.
    uint256 private constant SHA384 = uint256(bytes32("SHA384")) | 6;
    /// The keys, in the order in which Nitro writes them, one bit each.
    uint256 private constant MODULE_ID = 1;
    uint256 private constant DIGEST = 2;
    uint256 private constant TIMESTAMP = 4;
    uint256 private constant PCRS = 8;
    uint256 private constant CERTIFICATE = 16;
    uint256 private constant CABUNDLE = 32;
    uint256 private constant PUBLIC_KEY = 64;
    uint256 private constant USER_DATA = 128;
    uint256 private constant NONCE = 256;
    uint256 private constant REQUIRED = 0x1ff;

    /// @notice The document that `data` is, from its first byte to its last. Reverts with what is wrong, and where.
    function read(bytes calldata data) internal pure returns (Attestation memory found) {
        uint256 end = data.length;
        if (end > MAX_LENGTH) revert DocumentTooLong(end);
        uint256 at = Slices.isByte(data, 0, end, TAG_18) ? 1 : 0;
        (uint256 items, uint256 next) = Cbor.head(data, at, end, Cbor.ARRAY);
        if (items != 4) revert BadCount(at);
        at = next;
        if (at + 6 > end || Slices.number(data, at, 6) != HEADERS) revert BadHeader(at);
        at += 6;

        Slice content;
        (content, next) = Cbor.byteString(data, at, end);
        found.payload = Slices.between(at, next);
        _readPayload(data, content.offset(), next, found);

        at = next;
        (content, next) = _sized(data, at, end, SIGNATURE_LENGTH, SIGNATURE_LENGTH);
        if (next != end) revert TrailingItems(next, end);
        at = content.offset();
        found.rHigh = Slices.number(data, at, 16);
        found.rLow = Slices.word(data, at + 16);
        found.sHigh = Slices.number(data, at + 48, 16);
        found.sLow = Slices.word(data, at + 64);
    }

    /// @notice Sig_structure: the bytes that the document's key signs.
    function signedBytes(
        bytes calldata data,
        Attestation memory attestation
    ) internal pure returns (bytes memory) {
        return bytes.concat(SIGNED_HEAD, attestation.payload.bytesIn(data));
    }

    /// @notice The SHA-384 of Sig_structure.
    function digest(
        bytes calldata data,
        Attestation memory attestation
    ) internal pure returns (uint256 high, uint256 low) {
        return Sha384.digest(signedBytes(data, attestation));
    }

    function _readPayload(
        bytes calldata data,
        uint256 at,
        uint256 end,
        Attestation memory found
    ) private pure {
        uint256 entries;
        (entries, at) = Cbor.map(data, at, end);
        uint256 seen = 0;
        for (uint256 i; i < entries; ++i) {
            if (entries == Cbor.INDEFINITE && Cbor.isBreak(data, at, end)) {
                ++at;
                break;
            }
            (uint256 name, uint256 value) = Cbor.name(data, at, end);
            uint256 key = _keyOf(name);
            if (key == 0) revert UnknownKey(at);
            if (seen & key != 0) revert DuplicateKey(at);
            seen |= key;
            at = _readEntry(data, key, value, end, found);
        }
        if (at != end) revert TrailingItems(at, end);
        if (seen & REQUIRED != REQUIRED) revert MissingKey(end, seen);
    }

    /// The key of that name, zero where it is none. Names are as Cbor.name packs them.
    function _keyOf(uint256 name) private pure returns (uint256) {
        if (name == uint256(bytes32("module_id")) | 9) return MODULE_ID;
        if (name == uint256(bytes32("digest")) | 6) return DIGEST;
        if (name == uint256(bytes32("timestamp")) | 9) return TIMESTAMP;
        if (name == uint256(bytes32("pcrs")) | 4) return PCRS;
        if (name == uint256(bytes32("certificate")) | 11) return CERTIFICATE;
        if (name == uint256(bytes32("cabundle")) | 8) return CABUNDLE;
        if (name == uint256(bytes32("public_key")) | 10) return PUBLIC_KEY;
        if (name == uint256(bytes32("user_data")) | 9) return USER_DATA;
        if (name == uint256(bytes32("nonce")) | 5) return NONCE;
        return 0;
    }

    /// The value of `key`, which stands at `at`.
    // slither-disable-next-line cyclomatic-complexity: nine keys, and one branch for each
    function _readEntry(
        bytes calldata data,
        uint256 key,
        uint256 at,
        uint256 end,
        Attestation memory found
    ) private pure returns (uint256 next) {
        if (key == MODULE_ID) {
            (found.moduleId, next) = Cbor.text(data, at, end);
            if (found.moduleId.length() == 0) revert BadSize(at, 0);
        } else if (key == DIGEST) {
            uint256 kind;
            (kind, next) = Cbor.name(data, at, end);
            if (kind != SHA384) revert UnknownDigest(at);
        } else if (key == TIMESTAMP) {
            (found.timestamp, next) = Cbor.head(data, at, end, Cbor.UNSIGNED);
            if (found.timestamp == 0) revert NoTimestamp(at);
        } else if (key == PCRS) {
            next = _readPcrs(data, at, end, found);
        } else if (key == CERTIFICATE) {
            (found.certificate, next) = _sized(data, at, end, 1, MAX_CERTIFICATE);
        } else if (key == CABUNDLE) {
            (found.cabundle, next) = _cabundle(data, at, end);
        } else if (key == PUBLIC_KEY) {
            (found.publicKey, next) = _optional(data, at, end, MAX_PUBLIC_KEY);
        } else if (key == USER_DATA) {
            (found.userData, next) = _optional(data, at, end, MAX_DATA);
        } else {
            (found.nonce, next) = _optional(data, at, end, MAX_DATA);
        }
    }

    function _sized(
        bytes calldata data,
        uint256 at,
        uint256 end,
        uint256 least,
        uint256 most
    ) private pure returns (Slice content, uint256 next) {
        (content, next) = Cbor.byteString(data, at, end);
        uint256 size = content.length();
        if (size < least || size > most) revert BadSize(at, size);
    }

    function _optional(
        bytes calldata data,
        uint256 at,
        uint256 end,
        uint256 most
    ) private pure returns (Slice content, uint256 next) {
        (content, next) = Cbor.byteStringOrNull(data, at, end);
        if (content.length() > most) revert BadSize(at, content.length());
    }

    function _readPcrs(
        bytes calldata data,
        uint256 at,
        uint256 end,
        Attestation memory found
    ) private pure returns (uint256 next) {
        uint256 count;
        (count, next) = Cbor.head(data, at, end, Cbor.MAP);
        if (count == 0 || count > MAX_PCRS) revert BadCount(at);
        for (uint256 i; i < count; ++i) {
            at = next;
            uint256 number;
            (number, next) = Cbor.head(data, at, end, Cbor.UNSIGNED);
            if (number >= MAX_PCRS || !found.pcrs[number].isAbsent()) revert BadPcr(at);
            (found.pcrs[number], next) = Cbor.byteString(data, next, end);
            if (found.pcrs[number].length() != PCR_LENGTH) revert BadPcr(at);
        }
    }

    function _cabundle(
        bytes calldata data,
        uint256 at,
        uint256 end
    ) private pure returns (Slice[] memory certificates, uint256 next) {
        uint256 count;
        (count, next) = Cbor.head(data, at, end, Cbor.ARRAY);
        if (count == 0 || count > MAX_CABUNDLE) revert BadCount(at);
        certificates = new Slice[](count);
        for (uint256 i; i < count; ++i) {
            (certificates[i], next) = _sized(data, next, end, 1, MAX_CERTIFICATE);
        }
    }
}
