// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice What is claimed of a node. The proof must show each of it.
/// @param kind Which evidence.
/// @param measurement Which code runs there; it must be allowed.
/// @param documentTime When the document was made, in unix seconds.
/// @param attestedUntil From when the attestation holds no more, in unix seconds.
/// @param documentHash keccak256 of the document.
/// @param certificates The certificates that it hangs on; see `Facts`.
/// @param nonce Zero, or a nonce of `openNonce` that the document carries: then it cannot be older than that.
/// @param operator Who runs the node.
/// @param payout Where the node is paid.
struct Claims {
    uint8 kind;
    bytes32 measurement;
    uint48 documentTime;
    uint48 attestedUntil;
    bytes32 documentHash;
    bytes16[4] certificates;
    bytes32 nonce;
    address operator;
    address payout;
}

/// @notice Where an attestation stands. Time alone moves it, or a record; `stateOf` needs no transaction before it.
enum AttestationState {
    /// There is no such attestation.
    None,
    /// Posted; live once its window has passed without a challenge.
    Posted,
    /// Live: nobody challenged it in its window.
    Unchallenged,
    /// Challenged within its window: live once proven, or never.
    Contested,
    /// Challenged after its window: live still, until its deadline.
    Challenged,
    /// Live, or to be live from the next second: its evidence was proven here.
    Proven,
    /// A challenge was not answered in time.
    Rejected,
    /// `attestedUntil` has come.
    Expired,
    /// It, its node, its measurement or one of its certificates was revoked.
    Revoked,
    /// Its operator ended it.
    Retired,
    /// Live: the owner vouches for the node.
    Endorsed
}

/// @notice An attestation as a reader wants it, by all records so far. Times in unix seconds, amounts in wei.
/// @param node Whose it is.
/// @param state Where it stands.
/// @param kind Which evidence; zero: the owner's word.
/// @param startsAt From when it is live, inclusive; zero: never, unless it is proven.
/// @param endsAt From when it is not, exclusive.
/// @param challengeDeadline The last second in which a challenge can be answered; zero: none is open.
/// @param measurement Which code it claims.
/// @param claimsHash keccak256(abi.encode(claims)).
/// @param poster Who posted it and gets the bond back.
/// @param bond What is held of the bond.
/// @param challenger Who challenged it; zero: nobody.
/// @param deposit What is held of the challenger's deposit.
struct Attestation {
    bytes32 node;
    AttestationState state;
    uint8 kind;
    uint48 startsAt;
    uint48 endsAt;
    uint48 challengeDeadline;
    bytes32 measurement;
    bytes32 claimsHash;
    address poster;
    uint96 bond;
    address challenger;
    uint96 deposit;
}

/// @title Attestations: accepted at once, verified afterwards, provable on demand
/// @notice A node is live while any of its attestations is. Posting one takes a bond; anyone may say "prove it" with a
/// deposit that pays for the proof; unproven by the deadline, the bond is lost: half burns, half is the challenger's.
interface IAttestations {
    /// @notice A nonce for documents of `operator`'s nodes.
    event NonceOpened(bytes32 indexed nonce, address indexed operator, address payout);

    /// @notice An attestation was posted. The document should be found at `uri`.
    event AttestationPosted(
        uint256 indexed id,
        bytes32 indexed node,
        address indexed poster,
        Claims claims,
        uint48 startsAt,
        bytes publicKey,
        string uri
    );

    /// @notice `challenger` asks for the proof, by `deadline`, inclusive; `startsAt` is zero when it was not live yet.
    event AttestationChallenged(
        uint256 indexed id,
        address indexed challenger,
        uint48 startsAt,
        uint48 deadline,
        uint256 deposit
    );

    /// @notice The evidence was proven; the attestation is live from `startsAt` on.
    event AttestationProven(uint256 indexed id, address indexed prover, uint48 startsAt);

    /// @notice A challenge was not answered; the poster lost `slashed` wei.
    event AttestationRejected(uint256 indexed id, address indexed challenger, uint256 slashed);

    /// @notice The operator ends the attestation at `endsAt`.
    event AttestationRetired(uint256 indexed id, uint48 endsAt);

    /// @notice The bond went back to `poster`.
    event BondReleased(uint256 indexed id, address indexed poster, uint256 amount);

    /// @notice No evidence of that kind is known here.
    error UnknownEvidence(uint8 kind);
    /// @notice The measurement is not allowed, or was revoked.
    error MeasurementNotAllowed(bytes32 measurement);
    /// @notice A certificate that the claims name was revoked.
    error CertificateRevoked(bytes16 certificate);
    /// @notice The document is older, or newer, than a posting may use.
    error UntimelyDocument(uint256 documentTime, uint256 earliest, uint256 latest);
    /// @notice An attestation ends after it starts, and at most `latest`.
    error BadEnd(uint256 attestedUntil, uint256 earliest, uint256 latest);
    /// @notice The bond is exactly `needed` wei.
    error WrongBond(uint256 sent, uint256 needed);
    /// @notice A challenge costs `needed` wei at the present base fee.
    error DepositTooSmall(uint256 sent, uint256 needed);
    /// @notice The key did not sign this operator, this payout and the node's next nonce.
    error NotSignedByKey(bytes32 node, uint256 nonce);
    /// @notice The nonce was not opened for this operator and payout.
    error UnknownNonce(bytes32 nonce);
    /// @notice This code's documents do not say who operates it: the key must sign.
    error OperatorUnbound(bytes32 measurement);
    /// @notice The node has another operator: only that one hands it over, or its key.
    error OtherOperator(bytes32 node, address operator);
    /// @notice Three attestations of the node are not over.
    error TooManyCurrent(bytes32 node);
    /// @notice A node takes one attestation a second.
    error OnePerSecond(bytes32 node);
    /// @notice There is no such attestation.
    error UnknownAttestation(uint256 id);
    /// @notice Its evidence was proven, or it is the owner's word.
    error NothingToProve(uint256 id);
    /// @notice A challenge is open, or was never answered.
    error AlreadyChallenged(uint256 id);
    /// @notice It can be challenged until `until` only.
    error ChallengeTooLate(uint256 id, uint256 until);
    /// @notice It could be proven until `deadline` only.
    error ProofTooLate(uint256 id, uint256 deadline);
    /// @notice These are not the claims that were posted.
    error WrongClaims(uint256 id);
    /// @notice This is not the document that was posted.
    error WrongDocument(uint256 id);
    /// @notice The evidence is valid but says otherwise than the claims.
    error ClaimDiffers(string field);
    /// @notice The attestation is not challenged, or its deadline has not passed.
    error ChallengeNotOver(uint256 id);
    /// @notice Only the node's operator may.
    error NotOperator(address caller);
    /// @notice The attestation has ended, or ends, at `endsAt` already: a later end would bring it back.
    error EndsAlready(uint256 id, uint256 endsAt);
    /// @notice Nothing is held for it, or it was rejected.
    error NoBond(uint256 id);
    /// @notice The bond is held until after `until`.
    error BondHeld(uint256 id, uint256 until);

    /// @notice Opens a nonce that names `operator` and `payout` and that nobody could know before. Anyone may.
    /// @dev A document that carries it is younger than this transaction.
    function openNonce(address operator, address payout) external returns (bytes32 nonce);

    /// @notice Posts an attestation, live once its window has passed unchallenged. The key itself names the operator
    /// and the payout; where the node had another operator, it has this one now. The operator sends it: else anybody who saw the signature
    /// could spend it on other claims.
    /// @dev The value is the bond. Reverts `UnknownKeyForm`, `UnknownEvidence`, `MeasurementNotAllowed`,
    /// `UntimelyDocument`, `BadEnd`, `CertificateRevoked`, `NodeEnded`, `NotOperator`, `OnePerSecond`, `TooManyCurrent`,
    /// `WrongBond`, `UnknownNonce`, `NotSignedByKey`.
    /// @param keySignature Over EIP-712 `Registration(address operator,address payout,uint256 nonce)`, nonce being
    /// `registrations(node)`: SECP256K1 and P256 sign the digest, RSA keys sign its 32 bytes with RSA-PSS.
    /// @param uri Where the document is.
    function post(
        Claims calldata claims,
        bytes calldata publicKey,
        bytes calldata keySignature,
        string calldata uri
    ) external payable returns (uint256 id);

    /// @notice Posts an attestation with its proof: live from the next second on. For enclaves whose key signs nothing
    /// but receipts: operator and payout are those of `claims.nonce`, which the document carries where its measurement
    /// says that operators are named.
    /// @dev The value is the bond. Reverts as `post`, and `OperatorUnbound`, `OtherOperator`, `WrongDocument`,
    /// `ClaimDiffers`, and whatever the evidence reverts with.
    function postProven(
        Claims calldata claims,
        bytes calldata publicKey,
        string calldata uri,
        bytes calldata document,
        bytes calldata hints
    ) external payable returns (uint256 id);

    /// @notice Asks for the proof of an attestation. Anyone may, while it is neither proven nor endorsed, and as long
    /// as a receipt that hangs on it can still be pending, revoked or not.
    /// @dev The value is the deposit: it pays whoever proves, and comes back when nobody does. Reverts
    /// `UnknownAttestation`, `NothingToProve`, `AlreadyChallenged`, `NoBond`, `ChallengeTooLate`, `DepositTooSmall`.
    function challenge(uint256 id) external payable;

    /// @notice Proves an attestation, challenged or not. Anyone may, at any time until a challenge's deadline.
    /// @dev Reverts `UnknownAttestation`, `NothingToProve`, `ProofTooLate`, `WrongClaims`, `WrongDocument`,
    /// `ClaimDiffers`, and whatever the evidence reverts with.
    function prove(
        uint256 id,
        Claims calldata claims,
        bytes calldata publicKey,
        bytes calldata document,
        bytes calldata hints
    ) external;

    /// @notice Settles a challenge that nobody answered. The attestation reads Rejected from the second after the
    /// deadline without it: this moves the money.
    /// @dev Reverts `UnknownAttestation`, `ChallengeNotOver`, `NoBond`.
    function expireChallenge(uint256 id) external;

    /// @notice The operator ends an attestation, after the longest promise that a relayer may have made for it.
    /// @dev Reverts `UnknownAttestation`, `NotOperator`, `EndsAlready`.
    function retire(uint256 id) external;

    /// @notice Gives the bond back, once the attestation has expired, or was retired, and no pending receipt hangs on
    /// it. A revocation does not free the bond sooner.
    /// @dev Reverts `UnknownAttestation`, `NoBond`, `BondHeld`.
    function releaseBond(uint256 id) external;

    /// @notice An attestation.
    function attestation(uint256 id) external view returns (Attestation memory);

    /// @notice Where an attestation stands now.
    function stateOf(uint256 id) external view returns (AttestationState);

    /// @notice How many attestations were ever posted; their ids are 1 to this.
    function attestationCount() external view returns (uint256);

    /// @notice Up to `limit` attestations of `node` in the order of their posting, from the `offset`-th on.
    function attestationsOf(
        bytes32 node,
        uint256 offset,
        uint256 limit
    ) external view returns (uint256[] memory ids);

    /// @notice How many attestations `node` has, endorsements included: the nonce that its key signs next.
    function registrations(bytes32 node) external view returns (uint256);

    /// @notice What `node`'s key signs so that `operator` may post for it.
    function registrationDigest(
        bytes32 node,
        address operator,
        address payout
    ) external view returns (bytes32);

    /// @notice The least deposit of a challenge at the present base fee, in wei.
    function challengeDeposit() external view returns (uint256);
}
