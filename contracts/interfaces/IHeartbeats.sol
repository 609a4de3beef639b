// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAttestationRegistry} from "./IAttestationRegistry.sol";
import {ICredits} from "./ICredits.sol";

/// @notice What heartbeats go by; it never changes. Times in seconds, amounts in wei.
/// @param roundLength How long a round is; gateways send one heartbeat every 15 minutes.
/// @param challengeWindow How long a round can be challenged once it can be reported no more.
/// @param answerPeriod How long a challenge waits for its answer.
/// @param bond What a reporter must have at stake to report.
/// @param slash What it loses for a challenge that nobody answers, or what is left.
/// @param depositFloor The least deposit of a challenge.
/// @param answerGas What answering costs at most, in gas: a challenge deposits half as much again at the base fee.
struct HeartbeatTerms {
    uint32 roundLength;
    uint32 challengeWindow;
    uint32 answerPeriod;
    uint96 bond;
    uint96 slash;
    uint96 depositFloor;
    uint64 answerGas;
}

/// @notice A reporter as a reader wants it. Amounts in wei.
/// @param bond What it has at stake.
/// @param openChallenges How many challenges wait for an answer or for their end.
/// @param leftAt When it left, in unix seconds; zero: it has not.
struct Reporter {
    uint96 bond;
    uint32 openChallenges;
    uint40 leftAt;
}

/// @notice A challenge as a reader wants it. Times in unix seconds, amounts in wei.
/// @param challenger Who challenged; zero: nobody did.
/// @param deadline The last second in which it can be answered.
/// @param answered Whether it was.
/// @param expired Whether it was settled as unanswered.
/// @param deposit What is held of the deposit.
struct HeartbeatChallenge {
    address challenger;
    uint40 deadline;
    bool answered;
    bool expired;
    uint96 deposit;
}

/// @title Heartbeats: which nodes were alive, said by bonded reporters, refutable by anyone
/// @notice OpenGradient's gateways sign keccak256(node . uint256(timestamp)) every 15 minutes. Here a reporter (a relayer)
/// verifies the signatures off-chain, keeps them, and reports once a round one bit for each node that it saw: bit i of
/// word w is the node at place 256w + i of the registry. Who doubts a bit asks for the signature; not shown in time, the
/// bit reads as not seen, and the reporter loses a part of its bond: half burns, half is the challenger's. **Nothing here
/// is trusted for settlement.**
///
/// What it costs, all in all, under osaka's rules: a report of one word 39,000 gas in steady state, of four words 63,000.
/// So a node costs 14,600 gas a day (96 rounds) where 256 share a word, 3.7 million where it has one alone. To verify
/// each RSA signature on-chain takes about as much as an answer, 100,000 gas: 10 million a node and day.
///
/// What was chosen, and why:
/// - *Round* r is [r * roundLength, (r + 1) * roundLength), in unix seconds. It can be reported from its first second to
///   the last of the next round, so that what was seen in its last second still counts; no earlier, since nobody can
///   have seen the future, and no later, so that a challenger knows when all bits are on the table.
/// - *A second report* of a round only adds bits: a bit that was reported stands until it is refuted, so no reporter
///   takes a lie back when it is found out. A refuted bit stays refuted, however often it is reported.
/// - *What is kept*: the last 216 rounds in which a reporter reported a word, in slots that are written again: after 54
///   hours no report makes the state grow. The challenge window must fit in that.
/// - *A bond below `bond`* (after a slash, say) cannot report until it is topped up. One bond answers for every bit; when
///   it is used up, a challenger gets its deposit back and nothing more: size it against what a false heartbeat is worth.
/// - *Leaving* ends reporting at once; the bond is paid out when no bit of it can be challenged any more and no
///   challenge is open.
/// - *A bit beyond the registry's end* is a node that nobody can answer for: a free gift to its challenger.
/// - *The deposit* of an answered challenge is the reporter's in the first half of the period, whoever answers, so that
///   nobody gains by copying its answer; later it is the answerer's, so that anyone who has the signature has a reason
///   to rescue a reporter that is away.
/// - *A reporter that challenges itself*, to save a part of a bond that is lost, still burns half.
/// - Nobody is pushed ether, so no receiver can make a report, an answer or an expiry fail.
/// - *What a bit says*: the node's key signed a time of that round. A key that signs times ahead of its clock looks alive
/// after its end: only the code that holds it can rule that out, as the registry's evidence shows.
/// - *Starved of gas*, an answer reverts and changes nothing; it can be sent again until its deadline.
interface IHeartbeats is ICredits {
    /// @notice `reporter` has `bond` wei at stake.
    event ReporterBonded(address indexed reporter, uint256 bond);
    /// @notice `reporter` reports no more; its bond is free from the second after `until`, unless a challenge is open.
    event ReporterLeft(address indexed reporter, uint256 until);
    /// @notice `reporter` took out what was left of its bond.
    event BondReturned(address indexed reporter, uint256 amount);
    /// @notice `reporter` saw these nodes in `round`: word `firstWord` and those after it.
    event HeartbeatsReported(
        address indexed reporter,
        uint256 indexed round,
        uint32 firstWord,
        uint256[] bitmaps
    );
    /// @notice `challenger` doubts a bit; it can be answered until `deadline`, inclusive.
    event HeartbeatChallenged(
        address indexed reporter,
        uint256 indexed round,
        uint256 indexed index,
        address challenger,
        uint256 deadline,
        uint256 deposit
    );
    /// @notice The node's signature was shown.
    event HeartbeatProven(
        address indexed reporter,
        uint256 indexed round,
        uint256 indexed index,
        address answerer,
        uint256 timestamp
    );
    /// @notice Nobody showed the node's signature; the reporter lost `slashed` wei.
    event HeartbeatRefuted(
        address indexed reporter,
        uint256 indexed round,
        uint256 indexed index,
        uint256 slashed
    );
    /// @notice `amount` wei that reporters had lost was burned.
    event Burned(uint256 amount);

    /// @notice A parameter breaks a rule.
    error BadHeartbeatTerms(string parameter, string rule);
    /// @notice To report takes a bond of `needed` wei.
    error BondTooSmall(uint256 bond, uint256 needed);
    /// @notice Who has left neither reports nor bonds until the old bond is out.
    error Leaving(address reporter);
    /// @notice That is no reporter, or one that has not left.
    error NotLeaving(address reporter);
    /// @notice The bond is held until after `until`, and while challenges are open.
    error BondHeld(uint256 until, uint256 openChallenges);
    /// @notice Only rounds `earliest` to `latest` can be reported now.
    error UntimelyRound(uint256 round, uint256 earliest, uint256 latest);
    /// @notice A report has at least one word.
    error NothingReported();
    /// @notice The reporter did not report that node in that round, or so long ago that it is not kept.
    error NotReported(address reporter, uint256 round, uint256 index);
    /// @notice That bit was challenged before.
    error AlreadyChallenged(address reporter, uint256 round, uint256 index);
    /// @notice The bit could be challenged, or the challenge answered, until `until` only.
    error TooLate(uint256 until);
    /// @notice A challenge costs `needed` wei at the present base fee.
    error DepositTooSmall(uint256 sent, uint256 needed);
    /// @notice No such challenge is open.
    error NotChallenged(address reporter, uint256 round, uint256 index);
    /// @notice Not before the second after `until`.
    error NotYet(uint256 until);
    /// @notice The time is not of the round.
    error NotInRound(uint256 timestamp, uint256 round);
    /// @notice The key is not that of the node at this place of the registry.
    error WrongKey(uint256 index, bytes32 node);
    /// @notice The node's key did not sign that time.
    error NotSigned(bytes32 node, uint256 timestamp);
    /// @notice There is nothing to burn.
    error NothingToSweep();

    /// @notice Puts the value at stake: to become a reporter, or to top up.
    /// @dev Reverts `Leaving`, and `BondTooSmall` when it does not make up the bond in full.
    function join() external payable;

    /// @notice Reports what the caller saw: bit i of `bitmaps[k]` is the node at place 256 * (firstWord + k) + i of the
    /// registry. Bits are added to those reported before.
    /// @dev Reverts `BondTooSmall`, `Leaving`, `UntimelyRound`, `NothingReported`. A word of zeros says that nobody was
    /// seen; a word that is not reported says nothing. Nodes are not looked up: a bit beyond the registry's end is the
    /// reporter's loss.
    function report(uint256 round, uint32 firstWord, uint256[] calldata bitmaps) external;

    /// @notice Ends the caller's reporting at once.
    /// @dev Reverts `BondTooSmall` for who has no bond, and `Leaving`.
    function leave() external;

    /// @notice Credits the caller with what is left of its bond, after it has left.
    /// @dev Reverts `NotLeaving`, `BondHeld`.
    function releaseBond() external;

    /// @notice Asks for the signature behind a bit. Anyone may, from the report until `challengeableUntil(round)`, once
    /// a bit. The value is the deposit.
    /// @dev Reverts `NotReported`, `TooLate`, `AlreadyChallenged`, `DepositTooSmall`.
    function challenge(address reporter, uint256 round, uint256 index) external payable;

    /// @notice Shows the signature behind a bit. Anyone may, until the deadline, inclusive.
    /// @dev Reverts `NotChallenged`, `TooLate`, `NotInRound`, `WrongKey`, `NotSigned`, and whatever verifying reverts
    /// with when it runs out of gas.
    /// @param timestamp The unix second that the node signed, inside the round.
    /// @param publicKey The node's key.
    /// @param signature By that key over keccak256(node . uint256(timestamp)): RSA keys by RSA-PSS over those 32 bytes as
    /// OpenGradient's gateways do, P-256 and secp256k1 keys by ECDSA with those 32 bytes as the hash.
    function answer(
        address reporter,
        uint256 round,
        uint256 index,
        uint256 timestamp,
        bytes calldata publicKey,
        bytes calldata signature
    ) external;

    /// @notice Settles a challenge that nobody answered. The bit reads as not seen from the second after the deadline
    /// without it: this moves the money.
    /// @dev Reverts `NotChallenged`, `NotYet`.
    function expire(address reporter, uint256 round, uint256 index) external;

    /// @notice Burns what reporters have lost. Anyone may.
    /// @dev Reverts `NothingToSweep`.
    function sweepBurned() external;

    /// @notice Whether `reporter` saw the node at `index` in `round`, and no challenge has refuted it.
    function seen(address reporter, uint256 round, uint256 index) external view returns (bool);

    /// @notice The last of the present round and the `maxRounds` - 1 before it in which `reporter` saw the node at
    /// `index`; zero: none. More than 216 rounds are not kept.
    function lastSeen(
        address reporter,
        uint256 index,
        uint256 maxRounds
    ) external view returns (uint256 round);

    /// @notice The bits of a word as they were reported, refuted ones too; zero when it was not, or is not kept.
    function bitmap(address reporter, uint256 round, uint256 word) external view returns (uint256);

    /// @notice A reporter.
    function reporterOf(address reporter) external view returns (Reporter memory);

    /// @notice The challenge of a bit.
    function challengeOf(
        address reporter,
        uint256 round,
        uint256 index
    ) external view returns (HeartbeatChallenge memory);

    /// @notice What a node signs to say that it was alive at `timestamp`.
    function heartbeatDigest(bytes32 node, uint256 timestamp) external pure returns (bytes32);

    /// @notice The present round.
    function currentRound() external view returns (uint256);

    /// @notice The last second in which a bit of `round` can be challenged.
    function challengeableUntil(uint256 round) external view returns (uint256);

    /// @notice The least deposit of a challenge at the present base fee, in wei.
    function challengeDeposit() external view returns (uint256);

    /// @notice What heartbeats go by.
    function terms() external view returns (HeartbeatTerms memory);

    /// @notice Who says which node stands at which place.
    function registry() external view returns (IAttestationRegistry);

    /// @notice What reporters have lost and nobody has burned yet, in wei.
    function burned() external view returns (uint256);
}
