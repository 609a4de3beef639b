// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Credits} from "../base/Credits.sol";
import {Assurance} from "../interfaces/IAttestationRegistry.sol";
import {ISettlement} from "../interfaces/ISettlement.sol";
import {Standing} from "../interfaces/ISettlementViews.sol";
import {Receipts} from "../libraries/Receipts.sol";
import {DigitsMessages} from "./DigitsMessages.sol";
import {PlacedLeaf} from "./IReceiptConsumer.sol";
import {ReceiptConsumer} from "./ReceiptConsumer.sol";

/// @notice What a bounty is about.
/// @param picture A digit, 64 pixels of 0 to 16, that the model reads rightly.
/// @param node The one node whose answers count; zero: any node that is assured enough.
/// @param model The model manifest that the receipt must commit to; zero where `node` commits to none.
/// @param label What the picture shows.
/// @param tolerance How far each pixel may be changed.
/// @param assurance The least that the node must have had at the anchor, whenever money moves.
/// @param lane The lane whose Posted leaves count; zero: none, then only what is Final does.
/// @param advance What is paid on Posted, once in the bounty's life, in wei.
/// @param endsAt When the sponsor may take back what is left, in unix seconds.
struct Bounty {
    bytes picture;
    bytes32 node;
    bytes32 model;
    uint8 label;
    uint8 tolerance;
    Assurance assurance;
    uint32 lane;
    uint96 advance;
    uint40 endsAt;
}

// slither-disable-start timestamp: deadlines are what this file is about; a few seconds either way belong to whoever builds the block

/// @title RobustnessBounty: paid for a picture that fools a model, by the model's own answer
/// @notice A sponsor bets that a digits classifier reads one picture rightly however each pixel is nudged. A hunter
/// who finds a nudge that it reads wrongly asks the model under a nonce from here, and hands in the receipt. (So
/// small a network could be replayed on-chain. The bounty would be the same for one that never can.)
///
/// Who can lie, and what that costs:
/// - *While the answer is Posted*, nobody has checked anything: anyone can open a lane, put a forged answer there,
///   and lose a leaf's slash for it. So only leaves of `lane` count, whose relayer the sponsor trusts to check
///   signatures before it posts; they earn `advance`, and keep the rest for that hunter until it is decided.
/// - *When it is Final*, from whichever lane, its window has passed with every forgery open to anyone's proof. One
///   honest verifier awake is enough, the sponsor for instance: the rest is paid.
/// - *When it reads Voided instead*, the advance is gone: **that is the risk the sponsor accepts**. It is taken at
///   most once; the bounty opens again, and from then on pays at Final alone.
/// - *The node* can be wrong or lie and sign it. `assurance`, `node` and `model` say how much of that is accepted.
///
/// The node sees the picture first, as it sees all that it is asked; handing in shows it to everyone, and anyone can
/// copy it. So a kept reward yields only to an answer that was on the chain before the kept one was handed in, too
/// early for a copy unless the call was seen waiting, and that is Final first. By the same rule a sponsor who owns
/// `lane` cannot hold up an answer with forgeries of its own.
contract RobustnessBounty is ReceiptConsumer, Credits {
    /// @notice Whose bounty this is.
    address public immutable sponsor;

    /// @notice What is left to win, in wei.
    uint256 public reward;

    /// @notice What is left of the advance, in wei.
    uint256 public advance;

    /// @notice The question whose Posted answer keeps the reward for its hunter; zero: none does.
    bytes32 public keptFor;

    /// @notice When it was handed in, in unix seconds.
    uint256 public keptSince;

    /// @dev The place it was handed in for. The same receipt may stand, and be void, elsewhere too.
    bytes32 private _keptPlace;

    Bounty private _bounty;

    /// @notice `hunter` was credited `amount` wei for the answer to `nonce`.
    event Earned(bytes32 indexed nonce, address indexed hunter, uint256 amount);
    /// @notice The answer to `nonce` was void after all; the bounty is open again.
    event Reopened(bytes32 indexed nonce);
    /// @notice The sponsor took back `amount` wei.
    event Reclaimed(uint256 amount);

    /// @notice The bounty breaks a rule.
    error BadBounty(string rule);
    /// @notice The bounty has been won or taken back.
    error NothingLeft();
    /// @notice The reward is kept for the hunter who asked with `nonce`, and this answer came after.
    error Kept(bytes32 nonce);
    /// @notice The reward is kept for no such answer.
    error NotKept(bytes32 nonce);
    /// @notice The answer that the reward is kept for is as good as it was.
    error StillGood(bytes32 nonce);
    /// @notice The picture must have 64 pixels.
    error WrongSize(uint256 pixels);
    /// @notice Pixel number `pixel` must be from `least` to `most`.
    error OutOfBounds(uint256 pixel, uint256 value, uint256 least, uint256 most);
    /// @notice That is no digit, or the very one that the picture shows.
    error NotFooled(uint8 digit);
    /// @notice The receipt is for another answer.
    error WrongResponse(bytes32 found, bytes32 expected);
    /// @notice The receipt is of another node, or commits to another model.
    error WrongModel(bytes32 node, bytes32 model);
    /// @notice Only the sponsor, and from `endsAt` on.
    error NotYours(address caller, uint256 endsAt);

    /// @param settlement_ Who says how a receipt stands.
    /// @param bounty_ What it is about. The value sent is the reward, the advance included.
    constructor(ISettlement settlement_, Bounty memory bounty_) payable ReceiptConsumer(settlement_) {
        if (bounty_.picture.length != DigitsMessages.PIXELS) revert WrongSize(bounty_.picture.length);
        for (uint256 i; i < DigitsMessages.PIXELS; ++i) {
            uint8 pixel = uint8(bounty_.picture[i]);
            if (pixel > DigitsMessages.MAX_PIXEL) revert OutOfBounds(i, pixel, 0, DigitsMessages.MAX_PIXEL);
        }
        if (bounty_.label > DigitsMessages.MAX_DIGIT) revert BadBounty("the label must be a digit");
        if (bounty_.node == 0 && bounty_.model == 0) revert BadBounty("a node or a model must be named");
        if (msg.value == 0) revert BadBounty("there must be a reward");
        if (bounty_.advance > msg.value) revert BadBounty("the advance exceeds the reward");
        if (bounty_.advance != 0 && bounty_.lane == 0) revert BadBounty("an advance needs a lane");
        sponsor = msg.sender;
        reward = msg.value;
        advance = bounty_.advance;
        _bounty = bounty_;
    }

    /// @notice Gives the caller a nonce to ask the model with. Anyone may, as often as they like.
    function ask() external returns (bytes32 nonce) {
        return _ask(msg.sender);
    }

    /// @notice Hands in a wrong answer: `digit` for `picture`, asked under `nonce`. Anyone may; who asked earns.
    /// @dev Reverts `NothingLeft`, `Kept`, `WrongSize`, `OutOfBounds`, `NotFooled`, `WrongResponse`, `WrongModel`,
    /// and what the base reverts with.
    function claim(bytes32 nonce, bytes calldata picture, uint8 digit, PlacedLeaf calldata at) external {
        // Check:
        if (reward == 0) revert NothingLeft();
        bool kept = keptFor != 0;
        if (kept && _anchor(at.batchId) >= keptSince) revert Kept(keptFor);
        _checkPicture(picture);
        _checkAnswer(nonce, digit, at.leaf);
        bytes32 request = keccak256(DigitsMessages.request(nonce, picture));
        // Effect: lanes are numbered from 1, so none is trusted where none is named.
        bool trusted = at.batchId >> 64 == _bounty.lane;
        Standing least = trusted && !kept ? Standing.Posted : Standing.Final;
        if (_consume(nonce, request, at, least, _bounty.assurance) == Standing.Final) {
            keptFor = 0;
            _earn(nonce, reward);
        } else {
            keptFor = nonce;
            keptSince = block.timestamp;
            _keptPlace = _place(at);
            _earn(nonce, advance);
            advance = 0;
        }
    }

    /// @notice Pays the rest once the kept answer is Final, at the place where it was handed in or at any other.
    /// @dev Anyone may. Reverts `NotKept`, and what the base reverts with.
    function settle(PlacedLeaf calldata at) external demands(at, Standing.Final, _bounty.assurance) {
        // Check:
        bytes32 nonce = keptFor;
        if (nonce == 0 || consumedFor[receiptHashOf(at.leaf)] != nonce) revert NotKept(nonce);
        // Effect:
        keptFor = 0;
        _earn(nonce, reward);
    }

    /// @notice Opens the bounty again when the kept answer has become void, or its node less sure than demanded,
    /// at the place where it was handed in. Anyone may.
    /// @dev Reverts `NotKept`, `NotSettled` (no such leaf there), `StillGood`.
    function reopen(PlacedLeaf calldata at) external {
        // Check:
        bytes32 nonce = keptFor;
        if (nonce == 0 || _place(at) != _keptPlace) revert NotKept(nonce);
        if (_standing(at) == Standing.Unknown) revert NotSettled(Standing.Unknown, Standing.Posted);
        if (isAcceptable(at, Standing.Posted, _bounty.assurance)) revert StillGood(nonce);
        // Effect:
        keptFor = 0;
        emit Reopened(nonce);
    }

    /// @notice Gives what is left back to the sponsor, as a credit. Not while it is kept for a hunter.
    /// @dev Reverts `NotYours`, `Kept`, `NothingLeft`.
    function reclaim() external {
        // Check:
        if (msg.sender != sponsor || block.timestamp < _bounty.endsAt)
            revert NotYours(msg.sender, _bounty.endsAt);
        if (keptFor != 0) revert Kept(keptFor);
        uint256 amount = reward;
        if (amount == 0) revert NothingLeft();
        // Effect:
        reward = 0;
        _credit(msg.sender, amount);
        emit Reclaimed(amount);
    }

    // ------------------------------------------------------------------------------------------------- views

    /// @notice What it is about.
    function bounty() external view returns (Bounty memory) {
        return _bounty;
    }

    /// @notice The exact bytes to send to a node. Reverts as `claim` does on a picture that is out of bounds.
    function requestBody(bytes32 nonce, bytes calldata picture) external view returns (bytes memory) {
        _checkPicture(picture);
        return DigitsMessages.request(nonce, picture);
    }

    // ---------------------------------------------------------------------------------------------- internal

    function _earn(bytes32 nonce, uint256 amount) private {
        address hunter = askerOf(nonce);
        reward -= amount;
        _credit(hunter, amount);
        emit Earned(nonce, hunter, amount);
    }

    function _checkPicture(bytes calldata picture) private view {
        if (picture.length != DigitsMessages.PIXELS) revert WrongSize(picture.length);
        bytes memory original = _bounty.picture;
        uint256 tolerance = _bounty.tolerance;
        for (uint256 i; i < DigitsMessages.PIXELS; ++i) {
            uint256 was = uint8(original[i]);
            uint256 value = uint8(picture[i]);
            uint256 least = was > tolerance ? was - tolerance : 0;
            uint256 most = was + tolerance;
            if (most > DigitsMessages.MAX_PIXEL) most = DigitsMessages.MAX_PIXEL;
            if (value < least || value > most) revert OutOfBounds(i, value, least, most);
        }
    }

    function _checkAnswer(bytes32 nonce, uint8 digit, bytes32[7] calldata leaf) private view {
        if (digit > DigitsMessages.MAX_DIGIT || digit == _bounty.label) revert NotFooled(digit);
        bytes32 response = keccak256(DigitsMessages.response(nonce, digit));
        if (leaf[Receipts.RESPONSE] != response) revert WrongResponse(leaf[Receipts.RESPONSE], response);
        bytes32 node = leaf[Receipts.NODE];
        bytes32 model = leaf[Receipts.MODEL];
        if ((_bounty.node != 0 && node != _bounty.node) || model != _bounty.model)
            revert WrongModel(node, model);
    }

    function _place(PlacedLeaf calldata at) private pure returns (bytes32) {
        return keccak256(abi.encode(at.batchId, at.index));
    }
}

// slither-disable-end timestamp
