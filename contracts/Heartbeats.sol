// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Credits} from "./base/Credits.sol";
import {IAttestationRegistry} from "./interfaces/IAttestationRegistry.sol";
import {HeartbeatChallenge, HeartbeatTerms, IHeartbeats, Reporter} from "./interfaces/IHeartbeats.sol";
import {KeySignatures} from "./libraries/KeySignatures.sol";
import {PublicKeys} from "./libraries/PublicKeys.sol";

// slither-disable-start timestamp: deadlines are what this file is about; a few seconds either way belong to whoever builds the block

/// @title Heartbeats
contract Heartbeats is IHeartbeats, Credits {
    using SafeCast for uint256;

    /// @dev How many reported rounds of a word are kept: as many as there is room for beside the last round's number.
    uint256 private constant KEPT = 216;
    /// @dev Nobody has the key of this address: ether sent there is burned.
    address private constant BURN_ADDRESS = 0x000000000000000000000000000000000000dEaD;

    /// @dev What a reporter said of one word. Bit i of `reported`: it reported round `last` - i, whose bitmap is
    /// `bitmaps[round % KEPT]`; what stands there for a round that it did not report is of an older one.
    struct Track {
        uint40 last;
        uint216 reported;
        mapping(uint256 place => uint256) bitmaps;
    }

    /// @inheritdoc IHeartbeats
    IAttestationRegistry public immutable override registry;

    /// @inheritdoc IHeartbeats
    uint256 public override burned;

    uint256 private immutable _roundLength;
    uint256 private immutable _minBond;

    HeartbeatTerms private _terms;

    mapping(address reporter => Reporter) private _reporters;
    mapping(address reporter => mapping(uint256 word => Track)) private _tracks;
    mapping(address reporter => mapping(uint256 round => mapping(uint256 index => HeartbeatChallenge)))
        private _challenges;

    constructor(IAttestationRegistry registry_, HeartbeatTerms memory terms_) {
        _require(address(registry_) != address(0), "registry", "is a contract");
        _checkTerms(terms_);
        registry = registry_;
        _roundLength = terms_.roundLength;
        _minBond = terms_.bond;
        _terms = terms_;
    }

    // --------------------------------------------------------------------------------------------- reporters

    /// @inheritdoc IHeartbeats
    function join() external payable override {
        // Check:
        Reporter storage reporter = _reporters[msg.sender];
        if (reporter.leftAt != 0) revert Leaving(msg.sender);
        uint256 bond = reporter.bond + msg.value;
        if (bond < _minBond) revert BondTooSmall(bond, _minBond);
        // Effect:
        reporter.bond = bond.toUint96();
        emit ReporterBonded(msg.sender, bond);
    }

    /// @inheritdoc IHeartbeats
    function report(uint256 round, uint32 firstWord, uint256[] calldata bitmaps) external override {
        // Check:
        Reporter memory reporter = _reporters[msg.sender];
        if (reporter.leftAt != 0) revert Leaving(msg.sender);
        if (reporter.bond < _minBond) revert BondTooSmall(reporter.bond, _minBond);
        uint256 present = currentRound();
        uint256 earliest = present > 0 ? present - 1 : 0;
        if (round > present || round < earliest) revert UntimelyRound(round, earliest, present);
        if (bitmaps.length == 0) revert NothingReported();
        // Effect:
        for (uint256 i; i < bitmaps.length; ++i) {
            _record(_tracks[msg.sender][firstWord + i], round, bitmaps[i]);
        }
        emit HeartbeatsReported(msg.sender, round, firstWord, bitmaps);
    }

    /// @inheritdoc IHeartbeats
    function leave() external override {
        // Check:
        Reporter storage reporter = _reporters[msg.sender];
        if (reporter.leftAt != 0) revert Leaving(msg.sender);
        if (reporter.bond == 0) revert BondTooSmall(0, 1);
        // Effect:
        reporter.leftAt = uint40(block.timestamp);
        emit ReporterLeft(msg.sender, _heldUntil(block.timestamp));
    }

    /// @inheritdoc IHeartbeats
    function releaseBond() external override {
        // Check:
        Reporter memory reporter = _reporters[msg.sender];
        // slither-disable-next-line incorrect-equality: zero says never
        if (reporter.leftAt == 0) revert NotLeaving(msg.sender);
        uint256 until = _heldUntil(reporter.leftAt);
        if (reporter.openChallenges != 0 || block.timestamp <= until) {
            revert BondHeld(until, reporter.openChallenges);
        }
        // Effect:
        delete _reporters[msg.sender];
        _credit(msg.sender, reporter.bond);
        emit BondReturned(msg.sender, reporter.bond);
    }

    // -------------------------------------------------------------------------------------------- challenges

    /// @inheritdoc IHeartbeats
    function challenge(address reporter, uint256 round, uint256 index) external payable override {
        // Check:
        if (!_isReported(reporter, round, index)) revert NotReported(reporter, round, index);
        if (block.timestamp > challengeableUntil(round)) revert TooLate(challengeableUntil(round));
        HeartbeatChallenge storage entry = _challenges[reporter][round][index];
        if (entry.challenger != address(0)) revert AlreadyChallenged(reporter, round, index);
        uint256 needed = challengeDeposit();
        if (msg.value < needed) revert DepositTooSmall(msg.value, needed);
        // Effect:
        uint256 deadline = block.timestamp + _terms.answerPeriod;
        entry.challenger = msg.sender;
        entry.deadline = uint40(deadline);
        entry.deposit = msg.value.toUint96();
        ++_reporters[reporter].openChallenges;
        emit HeartbeatChallenged(reporter, round, index, msg.sender, deadline, msg.value);
    }

    /// @inheritdoc IHeartbeats
    function answer(
        address reporter,
        uint256 round,
        uint256 index,
        uint256 timestamp,
        bytes calldata publicKey,
        bytes calldata signature
    ) external override {
        // Check:
        HeartbeatChallenge storage entry = _open(reporter, round, index);
        uint256 deadline = entry.deadline;
        if (block.timestamp > deadline) revert TooLate(deadline);
        if (timestamp / _roundLength != round) revert NotInRound(timestamp, round);
        _checkSignature(index, timestamp, publicKey, signature);
        // Effect:
        uint256 deposit = entry.deposit;
        uint256 period = _terms.answerPeriod;
        bool early = block.timestamp <= deadline - period + period / 2;
        entry.answered = true;
        entry.deposit = 0;
        --_reporters[reporter].openChallenges;
        _credit(early ? reporter : msg.sender, deposit);
        emit HeartbeatProven(reporter, round, index, msg.sender, timestamp);
    }

    /// @inheritdoc IHeartbeats
    function expire(address reporter, uint256 round, uint256 index) external override {
        // Check:
        HeartbeatChallenge storage entry = _open(reporter, round, index);
        if (block.timestamp <= entry.deadline) revert NotYet(entry.deadline);
        // Effect:
        Reporter storage liable = _reporters[reporter];
        uint256 slashed = liable.bond < _terms.slash ? liable.bond : _terms.slash;
        uint256 share = slashed / 2;
        uint256 owed = entry.deposit + share;
        entry.expired = true;
        entry.deposit = 0;
        liable.bond -= uint96(slashed);
        --liable.openChallenges;
        burned += slashed - share;
        _credit(entry.challenger, owed);
        emit HeartbeatRefuted(reporter, round, index, slashed);
    }

    /// @inheritdoc IHeartbeats
    function sweepBurned() external override {
        // Check:
        uint256 amount = burned;
        if (amount == 0) revert NothingToSweep();
        // Effect:
        burned = 0;
        emit Burned(amount);
        // Interaction:
        _pay(BURN_ADDRESS, amount);
    }

    // ------------------------------------------------------------------------------------------------- views

    /// @inheritdoc IHeartbeats
    function seen(address reporter, uint256 round, uint256 index) public view override returns (bool) {
        return _isReported(reporter, round, index) && !_isRefuted(reporter, round, index);
    }

    /// @inheritdoc IHeartbeats
    function lastSeen(
        address reporter,
        uint256 index,
        uint256 maxRounds
    ) external view override returns (uint256) {
        uint256 present = currentRound();
        uint256 count = maxRounds < KEPT ? maxRounds : KEPT;
        for (uint256 i; i < count && i < present; ++i) {
            if (seen(reporter, present - i, index)) return present - i;
        }
        return 0;
    }

    /// @inheritdoc IHeartbeats
    function bitmap(address reporter, uint256 round, uint256 word) public view override returns (uint256) {
        Track storage track = _tracks[reporter][word];
        uint256 last = track.last;
        bool kept = round <= last && last - round < KEPT && (track.reported >> (last - round)) & 1 != 0;
        // slither-disable-next-line weak-prng: a place in a ring, nothing random
        return kept ? track.bitmaps[round % KEPT] : 0;
    }

    /// @inheritdoc IHeartbeats
    function reporterOf(address reporter) external view override returns (Reporter memory) {
        return _reporters[reporter];
    }

    /// @inheritdoc IHeartbeats
    function challengeOf(
        address reporter,
        uint256 round,
        uint256 index
    ) external view override returns (HeartbeatChallenge memory) {
        return _challenges[reporter][round][index];
    }

    /// @inheritdoc IHeartbeats
    function heartbeatDigest(bytes32 node, uint256 timestamp) public pure override returns (bytes32) {
        return keccak256(abi.encodePacked(node, timestamp));
    }

    /// @inheritdoc IHeartbeats
    function currentRound() public view override returns (uint256) {
        return block.timestamp / _roundLength;
    }

    /// @inheritdoc IHeartbeats
    function challengeableUntil(uint256 round) public view override returns (uint256) {
        return (round + 2) * _roundLength - 1 + _terms.challengeWindow;
    }

    /// @inheritdoc IHeartbeats
    function challengeDeposit() public view override returns (uint256) {
        uint256 cost = (block.basefee * _terms.answerGas * 3) / 2;
        return cost > _terms.depositFloor ? cost : _terms.depositFloor;
    }

    /// @inheritdoc IHeartbeats
    function terms() external view override returns (HeartbeatTerms memory) {
        return _terms;
    }

    // ---------------------------------------------------------------------------------------------- internal

    /// @dev Adds bits to what was reported of a word. `round` is the present one or the one before, and so is `last` at
    /// most: what is not newer than `last` is at most one older.
    function _record(Track storage track, uint256 round, uint256 bits) private {
        uint256 last = track.last;
        uint216 reported = track.reported;
        if (round > last) {
            track.last = uint40(round);
            track.reported = uint216(uint256(reported) << (round - last)) | 1;
        } else {
            uint216 flag = uint216(1 << (last - round));
            if (reported & flag != 0) bits |= track.bitmaps[round % KEPT];
            else track.reported = reported | flag;
        }
        track.bitmaps[round % KEPT] = bits;
    }

    function _isReported(address reporter, uint256 round, uint256 index) private view returns (bool) {
        return (bitmap(reporter, round, index >> 8) >> (index & 0xff)) & 1 != 0;
    }

    function _isRefuted(address reporter, uint256 round, uint256 index) private view returns (bool) {
        HeartbeatChallenge storage entry = _challenges[reporter][round][index];
        return entry.challenger != address(0) && !entry.answered && block.timestamp > entry.deadline;
    }

    /// @dev A challenge that is neither answered nor settled.
    function _open(
        address reporter,
        uint256 round,
        uint256 index
    ) private view returns (HeartbeatChallenge storage entry) {
        entry = _challenges[reporter][round][index];
        if (entry.challenger == address(0) || entry.answered || entry.expired) {
            revert NotChallenged(reporter, round, index);
        }
    }

    function _checkSignature(
        uint256 index,
        uint256 timestamp,
        bytes calldata publicKey,
        bytes calldata signature
    ) private view {
        bytes32[] memory there = registry.nodes(index, 1);
        bytes32 node = there.length == 0 ? bytes32(0) : there[0];
        if (PublicKeys.nodeOf(publicKey) != node) revert WrongKey(index, node);
        if (!KeySignatures.isSignedBy(publicKey, heartbeatDigest(node, timestamp), signature)) {
            revert NotSigned(node, timestamp);
        }
    }

    /// @dev The last second in which a reporter that left at `leftAt` can be challenged: its last report was then at the
    /// latest, of the round of then at the latest.
    function _heldUntil(uint256 leftAt) private view returns (uint256) {
        return challengeableUntil(leftAt / _roundLength);
    }

    /// @dev Refuses nonsense. The bounds keep each value within its field and each right usable.
    function _checkTerms(HeartbeatTerms memory t) private pure {
        _require(t.roundLength != 0 && t.roundLength <= 1 days, "roundLength", "is 1 second to 1 day");
        _require(
            t.challengeWindow != 0 && t.challengeWindow <= (KEPT - 2) * t.roundLength,
            "challengeWindow",
            "is 1 second to 214 rounds: else bits are forgotten before"
        );
        _require(t.answerPeriod != 0 && t.answerPeriod <= 60 days, "answerPeriod", "is 1 second to 60 days");
        _require(t.slash != 0, "slash", "is above zero");
        _require(t.bond >= t.slash, "bond", "is at least slash");
        _require(t.depositFloor != 0, "depositFloor", "is above zero");
        // slither-disable-next-line too-many-digits: in words, for a person
        _require(t.answerGas != 0 && t.answerGas <= 1e9, "answerGas", "is 1 to 1000000000");
    }

    function _require(bool holds, string memory parameter, string memory rule) private pure {
        if (!holds) revert BadHeartbeatTerms(parameter, rule);
    }
}

// slither-disable-end timestamp
