// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IEvidence} from "./IEvidence.sol";
import {IP384} from "./IP384.sol";

/// @notice A certificate that was proven, with all certificates above it, up to a root.
/// @param notBefore Unix seconds; it is valid from this one to `notAfter`, both inclusive.
/// @param notAfter As above; nobody asked whether it is valid now.
/// @param pathLength How many authorities may follow it, by its own word and by those above it; 255: no limit.
/// @param depth How many certificates are above it; zero: it is a root.
/// @param isAuthority It may issue certificates (basicConstraints).
/// @param signsCertificates Its key may sign certificates (keyUsage).
/// @param signsMessages Its key may sign other data, as documents (keyUsage).
/// @param proven True; false: there is no such certificate here.
/// @param id The first 16 bytes of keccak256(abi.encode(keccak256(issuer), serial)), by which it is revoked.
/// @param key The point on P-384: x and y, 48 bytes each, one after the other.
/// @param subject keccak256 of the DER of its subject's name.
struct ProvenCertificate {
    uint40 notBefore;
    uint40 notAfter;
    uint8 pathLength;
    uint8 depth;
    bool isAuthority;
    bool signsCertificates;
    bool signsMessages;
    bool proven;
    bytes16 id;
    bytes32[3] key;
    bytes32 subject;
}

/// @title Evidence of AWS Nitro enclaves: attestation documents, judged at their own time
/// @notice A certificate is proven once and remembered, by its *path*: keccak256(abi.encode(the path of its issuer's
/// certificate, keccak256(its DER))), zero standing above a root. So a path names every certificate up to its root, and when
/// another root is pinned, nothing counts that hangs on the former one.
///
/// Certificates and documents have *places*: zero is the root's, that of the others how many certificates are above them.
/// What is checked is what `afterproof.attestation.checks` lists, but for what the registry knows: revocations, which
/// measurements and which nonce are expected, the present time. Python accepts a little more, which Nitro never writes:
/// names and texts outside ASCII, other string types in names, unique identifiers, more than 16 extensions, path lengths
/// above 127. It accepts less in one thing: it reads every extension, where those that are not critical and not asked for
/// go unread here, as RFC 5280 allows.
///
/// Hints, as `afterproof.attestation.proof` writes them: for each certificate below the root, and then for the document,
/// two bytes of length and as many of hints for `IP384`. Those of certificates that are proven already go unread, and may
/// be empty.
interface INitroEvidence is IEvidence {
    /// @notice A certificate was proven. `parent` is its issuer's path, zero above a root.
    event CertificateProven(bytes32 indexed path, bytes32 indexed parent, bytes16 indexed id);
    /// @notice Documents must hang on this root from now on: the SHA-256 of its DER.
    event RootChanged(bytes32 root);

    /// @notice The first certificate is not the pinned root: SHA-256 of the DER of both.
    error WrongRoot(bytes32 found, bytes32 pinned);
    /// @notice No certificate was proven that has this path.
    error UnknownParent(bytes32 path);
    /// @notice More certificates are below the root than the registry records.
    error ChainTooLong(uint256 below);
    /// @notice The certificate at this place names another issuer than the one above it.
    error WrongIssuer(uint256 place);
    /// @notice The hints do not show that the certificate at this place is signed by the one above it. Others may.
    error CertificateNotProven(uint256 place);
    /// @notice The certificate at this place is no authority, and has another below it.
    error NotAuthority(uint256 place);
    /// @notice The certificate at this place may not sign certificates, and has another below it.
    error MayNotSignCertificates(uint256 place);
    /// @notice The certificate at this place is an authority, and one above it does not allow so many.
    error PathTooLong(uint256 place);
    /// @notice The certificate at this place is not valid at the document's time, in unix seconds.
    error NotValidAt(uint256 place, uint256 time, uint256 notBefore, uint256 notAfter);
    /// @notice The certificate that signs the document is an authority's.
    error SignedByAuthority();
    /// @notice The certificate that signs the document may sign no data.
    error MayNotSignDocuments();
    /// @notice The hints do not show that the document is signed by its certificate. Others may.
    error DocumentNotProven();
    /// @notice A register that measures the code is missing: PCR0, PCR1 or PCR2.
    error MissingPcr(uint256 number);
    /// @notice A register that measures the code is all zeros: the enclave is in debug mode, and its host can read it.
    error DebugMode(uint256 number);
    /// @notice The document names another key, or none.
    error KeyNotNamed();
    /// @notice The hints are not one for each signature: `left` bytes are too few for the next, or stand behind the last.
    error BadHints(uint256 left);

    /// @notice Proves a certificate and remembers it. Anyone may. What was proven before is left as it is.
    /// @dev Validity is not judged: it depends on the document. Reverts `WrongRoot`, `UnknownParent`, `NotAuthority`,
    /// `ChainTooLong`, `MayNotSignCertificates`, `WrongIssuer`, `PathTooLong`, `CertificateNotProven`, and as `Certificates`
    /// where it cannot be read.
    /// @param der The certificate.
    /// @param parent The path of its issuer's certificate; zero: it is the root itself.
    /// @param hints For `IP384`; the root needs none.
    /// @return path The path of the certificate.
    function proveCertificate(
        bytes calldata der,
        bytes32 parent,
        bytes calldata hints
    ) external returns (bytes32 path);

    /// @notice Pins another root. Owner only: the timelock in front of the owner is the notice.
    /// @param root_ SHA-256 of its DER.
    function setRoot(bytes32 root_) external;

    /// @notice The pinned root: the SHA-256 of its DER.
    function root() external view returns (bytes32);

    /// @notice Who verifies signatures, for good.
    function verifier() external view returns (IP384);

    /// @notice A certificate by its path.
    function certificate(bytes32 path) external view returns (ProvenCertificate memory);
}
