// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Der} from "../encoding/Der.sol";
import {DerTime} from "../encoding/DerTime.sol";
import {Slice, Slices} from "../encoding/Slice.sol";

/// @notice What a certificate says. Slices are into its DER. Numbers of 384 bits are two words: the high 128 bits, and the
/// low 256.
struct Certificate {
    /// The signed part, as it is hashed: the element TBSCertificate with its head.
    Slice tbs;
    /// Positive, below 2^160.
    uint256 serial;
    /// Names, as they are compared: the whole element.
    Slice issuer;
    Slice subject;
    /// Unix seconds; valid from the first to the last, both inclusive.
    uint256 notBefore;
    uint256 notAfter;
    /// The point on P-384. Nobody has looked yet whether it is on the curve.
    uint256 xHigh;
    uint256 xLow;
    uint256 yHigh;
    uint256 yLow;
    /// The issuer's signature over the digest of `tbs`. Both numbers are positive; they may exceed the group's order.
    uint256 rHigh;
    uint256 rLow;
    uint256 sHigh;
    uint256 sLow;
    /// basicConstraints: whether it may issue, and how many certificates that issue may follow before the last;
    /// NO_PATH_LIMIT where it does not say.
    bool isAuthority;
    uint256 pathLength;
    /// keyUsage: the bits keyCertSign and digitalSignature.
    bool signsCertificates;
    bool signsMessages;
}

/// @title A strict reader of X.509 certificates (RFC 5280) as AWS Nitro uses them
/// @notice Version 3, ECDSA with SHA-384 on P-384 (RFC 5758 3.2, RFC 5480), basicConstraints and keyUsage. Whatever these
/// do not need is refused: other algorithms, unique identifiers, names outside ASCII. An extension that it does not know is
/// refused when critical, else skipped with its content unread, as section 4.2 wants. Judging is the caller's: signature,
/// chain, validity, revocation.
library Certificates {
    /// @notice The certificate is not of version 3.
    error NotVersion3(uint256 offset);
    /// @notice A signature algorithm is not ecdsa-with-SHA384, without parameters.
    error NotEcdsaWithSha384(uint256 offset);
    /// @notice The public key is not an uncompressed point on P-384.
    error NotP384Key(uint256 offset);
    /// @notice The name is empty, or one of its parts is no single attribute with a string, not empty, of type UTF8String
    /// in ASCII or PrintableString.
    error BadName(uint256 offset);
    /// @notice The signature is not in whole bytes.
    error BadSignature(uint256 offset);
    /// @notice A path length stands where it means nothing: in a certificate that is no authority's.
    error PathLengthWithoutAuthority(uint256 offset);
    /// @notice The key usage has a bit that RFC 5280 does not define, or encipherOnly or decipherOnly, which have no meaning
    /// without keyAgreement.
    error BadKeyUsage(uint256 offset);
    /// @notice The extension stands there for the second time.
    error DuplicateExtension(uint256 offset);
    /// @notice The extension is critical, and means something that is not judged here.
    error UnknownCriticalExtension(uint256 offset);
    /// @notice There are more extensions than MAX_EXTENSIONS.
    error TooManyExtensions(uint256 offset);
    /// @notice basicConstraints or keyUsage is missing from the extensions that end at `offset`.
    error MissingExtension(uint256 offset);

    /// @notice `pathLength` where there is no limit. Limits are below 128.
    uint256 internal constant NO_PATH_LIMIT = 255;
    uint256 internal constant MAX_EXTENSIONS = 16;

    /// [0] { INTEGER 2 }
    uint256 private constant VERSION_3 = 0xa003020102;
    /// SEQUENCE { 1.2.840.10045.4.3.3 }
    uint256 private constant ECDSA_WITH_SHA384 = 0x300a06082a8648ce3d040303;
    /// SEQUENCE { SEQUENCE { 1.2.840.10045.2.1, 1.3.132.0.34 }, BIT STRING of 98 bytes, none unused, 04 }
    uint256 private constant P384_KEY = 0x3076301006072a8648ce3d020106052b8104002203620004;
    /// [3], constructed.
    uint256 private constant EXTENSIONS = 0xa3;
    /// 2.5.29.19 and 2.5.29.15, as Der.identifier packs them.
    uint256 private constant BASIC_CONSTRAINTS = (0x551d13 << 232) | 3;
    uint256 private constant KEY_USAGE = (0x551d0f << 232) | 3;

    uint256 private constant LONGEST_SERIAL = 20;
    uint256 private constant LONGEST_NUMBER = 48;
    uint256 private constant DIGITAL_SIGNATURE = 0x8000;
    uint256 private constant KEY_CERT_SIGN = 0x0400;
    uint256 private constant KEY_AGREEMENT = 0x0800;
    uint256 private constant ENCIPHER_OR_DECIPHER_ONLY = 0x0180;
    uint256 private constant UNDEFINED_USAGES = 0x007f;
    /// A set of bytes, as bits of their numbers: what a PrintableString may hold (X.680 41.4).
    // slither-disable-next-line too-many-digits: a bit for each of 128 bytes
    uint256 private constant PRINTABLE = 0x07fffffe07fffffea7fffb8100000000;

    /// @notice The certificate that `der` is, from its first byte to its last. Reverts with what is wrong, and where.
    function read(bytes calldata der) internal pure returns (Certificate memory certificate) {
        (uint256 at, uint256 end) = Der.open(der, 0, der.length, Der.SEQUENCE);
        Der.finish(end, der.length);

        uint256 tbsStart = at;
        (uint256 start, uint256 tbsEnd) = Der.open(der, at, end, Der.SEQUENCE);
        certificate.tbs = Slices.between(tbsStart, tbsEnd);
        _readSigned(der, start, tbsEnd, certificate);

        at = _algorithm(der, tbsEnd, end);
        _readSignature(der, at, end, certificate);
    }

    /// TBSCertificate, section 4.1.2.
    function _readSigned(
        bytes calldata der,
        uint256 at,
        uint256 end,
        Certificate memory certificate
    ) private pure {
        if (!_stands(der, at, end, VERSION_3, 5)) revert NotVersion3(at);
        // slither-disable-next-line unused-return: 20 bytes leave the high word empty
        (, certificate.serial, at) = Der.positive(der, at + 5, end, LONGEST_SERIAL);
        at = _algorithm(der, at, end);
        (certificate.issuer, at) = _name(der, at, end);
        at = _readValidity(der, at, end, certificate);
        (certificate.subject, at) = _name(der, at, end);
        at = _readKey(der, at, end, certificate);
        _readExtensions(der, at, end, certificate);
    }

    function _algorithm(bytes calldata der, uint256 at, uint256 end) private pure returns (uint256 next) {
        if (!_stands(der, at, end, ECDSA_WITH_SHA384, 12)) revert NotEcdsaWithSha384(at);
        return at + 12;
    }

    /// Whether the next `size` bytes are these. They have but one encoding, so no more needs reading.
    function _stands(
        bytes calldata der,
        uint256 at,
        uint256 end,
        uint256 wanted,
        uint256 size
    ) private pure returns (bool) {
        return at + size <= end && Slices.number(der, at, size) == wanted;
    }

    /// Names are compared by their bytes, never read; this keeps out what other readers could stumble over.
    function _name(
        bytes calldata der,
        uint256 at,
        uint256 end
    ) private pure returns (Slice name, uint256 next) {
        uint256 part;
        (part, next) = Der.open(der, at, end, Der.SEQUENCE);
        if (part == next) revert BadName(at);
        while (part < next) {
            (uint256 inner, uint256 partEnd) = Der.open(der, part, next, Der.SET);
            (uint256 attribute, uint256 attributeEnd) = Der.open(der, inner, partEnd, Der.SEQUENCE);
            if (attributeEnd != partEnd) revert BadName(part);
            // slither-disable-next-line unused-return: what it is an attribute of does not matter
            (, attribute) = Der.identifier(der, attribute, partEnd);
            (uint256 tag, uint256 start, uint256 stop) = Der.element(der, attribute, partEnd);
            if (stop != partEnd || start == stop || !_isText(der, tag, start, stop)) revert BadName(part);
            part = partEnd;
        }
        name = Slices.between(at, next);
    }

    function _isText(
        bytes calldata der,
        uint256 tag,
        uint256 start,
        uint256 end
    ) private pure returns (bool) {
        if (tag == Der.UTF8_STRING) return Slices.isAscii(der, start, end);
        if (tag != Der.PRINTABLE_STRING) return false;
        unchecked {
            for (; start < end; ++start) {
                if ((PRINTABLE >> Slices.number(der, start, 1)) & 1 == 0) return false;
            }
        }
        return true;
    }

    function _readValidity(
        bytes calldata der,
        uint256 at,
        uint256 end,
        Certificate memory certificate
    ) private pure returns (uint256 next) {
        (at, next) = Der.open(der, at, end, Der.SEQUENCE);
        (certificate.notBefore, at) = DerTime.read(der, at, next);
        (certificate.notAfter, at) = DerTime.read(der, at, next);
        Der.finish(at, next);
    }

    function _readKey(
        bytes calldata der,
        uint256 at,
        uint256 end,
        Certificate memory certificate
    ) private pure returns (uint256 next) {
        next = at + 120;
        if (next > end || Slices.number(der, at, 24) != P384_KEY) revert NotP384Key(at);
        certificate.xHigh = Slices.number(der, at + 24, 16);
        certificate.xLow = Slices.word(der, at + 40);
        certificate.yHigh = Slices.number(der, at + 72, 16);
        certificate.yLow = Slices.word(der, at + 88);
    }

    function _readExtensions(
        bytes calldata der,
        uint256 at,
        uint256 end,
        Certificate memory certificate
    ) private pure {
        uint256 next;
        (at, next) = Der.open(der, at, end, EXTENSIONS);
        Der.finish(next, end);
        (at, next) = Der.open(der, at, end, Der.SEQUENCE);
        Der.finish(next, end);

        // slither-disable-next-line uninitialized-local: only what was put there is read
        uint256[MAX_EXTENSIONS] memory seen;
        uint256 count = 0;
        bool hasConstraints = false;
        bool hasUsage = false;
        while (at < end) {
            if (count == MAX_EXTENSIONS) revert TooManyExtensions(at);
            (uint256 start, uint256 stop) = Der.open(der, at, end, Der.SEQUENCE);
            (uint256 kind, uint256 inner) = Der.identifier(der, start, stop);
            for (uint256 i; i < count; ++i) {
                if (seen[i] == kind) revert DuplicateExtension(at);
            }
            seen[count++] = kind;
            bool critical;
            (critical, inner) = Der.flag(der, inner, stop);
            uint256 valueEnd;
            (inner, valueEnd) = Der.open(der, inner, stop, Der.OCTET_STRING);
            Der.finish(valueEnd, stop);
            if (kind == BASIC_CONSTRAINTS) {
                _readConstraints(der, inner, stop, certificate);
                hasConstraints = true;
            } else if (kind == KEY_USAGE) {
                _readUsage(der, inner, stop, certificate);
                hasUsage = true;
            } else if (critical) {
                revert UnknownCriticalExtension(at);
            }
            at = stop;
        }
        if (!hasConstraints || !hasUsage) revert MissingExtension(end);
    }

    /// Section 4.2.1.9.
    function _readConstraints(
        bytes calldata der,
        uint256 at,
        uint256 end,
        Certificate memory certificate
    ) private pure {
        uint256 next;
        (at, next) = Der.open(der, at, end, Der.SEQUENCE);
        Der.finish(next, end);
        (certificate.isAuthority, at) = Der.flag(der, at, end);
        certificate.pathLength = NO_PATH_LIMIT;
        if (at == end) return;
        if (!certificate.isAuthority) revert PathLengthWithoutAuthority(at);
        (certificate.pathLength, at) = Der.small(der, at, end);
        Der.finish(at, end);
    }

    /// Section 4.2.1.3.
    function _readUsage(
        bytes calldata der,
        uint256 at,
        uint256 end,
        Certificate memory certificate
    ) private pure {
        (uint256 bits, uint256 next) = Der.namedBits(der, at, end);
        Der.finish(next, end);
        bool isMeant = bits & ENCIPHER_OR_DECIPHER_ONLY == 0 || bits & KEY_AGREEMENT != 0;
        if (bits & UNDEFINED_USAGES != 0 || !isMeant) revert BadKeyUsage(at);
        certificate.signsCertificates = bits & KEY_CERT_SIGN != 0;
        certificate.signsMessages = bits & DIGITAL_SIGNATURE != 0;
    }

    /// RFC 3279 2.2.3: a BIT STRING that holds SEQUENCE { r, s }.
    function _readSignature(
        bytes calldata der,
        uint256 at,
        uint256 end,
        Certificate memory certificate
    ) private pure {
        (uint256 start, uint256 next) = Der.open(der, at, end, Der.BIT_STRING);
        Der.finish(next, end);
        if (start == end || Slices.number(der, start, 1) != 0) revert BadSignature(at);
        (start, next) = Der.open(der, start + 1, end, Der.SEQUENCE);
        Der.finish(next, end);
        (certificate.rHigh, certificate.rLow, start) = Der.positive(der, start, end, LONGEST_NUMBER);
        (certificate.sHigh, certificate.sLow, start) = Der.positive(der, start, end, LONGEST_NUMBER);
        Der.finish(start, end);
    }
}
