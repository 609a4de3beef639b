// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Der} from "./Der.sol";
import {Slices} from "./Slice.sol";

/// @title Times in certificates (RFC 5280, section 4.1.2.5), as a strict reader of DER takes them
library DerTime {
    /// @notice The time is not as the section has it: UTCTime from 1970 to 2049, GeneralizedTime from 2050, to the
    /// second, in UTC, and on the calendar.
    error BadTime(uint256 offset);

    /// @notice The time at `at` in unix seconds: YYMMDDHHMMSSZ up to 2049, YYYYMMDDHHMMSSZ from 2050.
    function read(
        bytes calldata data,
        uint256 at,
        uint256 end
    ) internal pure returns (uint256 timestamp, uint256 next) {
        (uint256 tag, uint256 start, uint256 stop) = Der.element(data, at, end);
        unchecked {
            uint256 size = stop - start;
            uint256 year = 0;
            if (tag == Der.UTC_TIME && size == 13) {
                year = _twoDigits(data, start, at);
                year += year < 50 ? 2000 : 1900;
                if (year < 1970) revert BadTime(at);
                start += 2;
            } else if (tag == Der.GENERALIZED_TIME && size == 15) {
                year = 100 * _twoDigits(data, start, at) + _twoDigits(data, start + 2, at);
                if (year < 2050) revert BadTime(at);
                start += 4;
            } else {
                revert BadTime(at);
            }
            if (Slices.number(data, stop - 1, 1) != 0x5a) revert BadTime(at);
            uint256 month = _twoDigits(data, start, at);
            uint256 day = _twoDigits(data, start + 2, at);
            if (month == 0 || month > 12 || day == 0 || day > _daysIn(month, year)) revert BadTime(at);
            uint256 hour = _twoDigits(data, start + 4, at);
            uint256 minute = _twoDigits(data, start + 6, at);
            uint256 second = _twoDigits(data, start + 8, at);
            // Neither the end of a day as 24:00 nor a leap second has a number of its own in Unix time.
            if (hour > 23 || minute > 59 || second > 59) revert BadTime(at);
            timestamp = 86_400 * _daysBefore(year, month) + 86_400 * (day - 1);
            timestamp += 3_600 * hour + 60 * minute + second;
        }
        next = stop;
    }

    function _twoDigits(bytes calldata data, uint256 start, uint256 at) private pure returns (uint256) {
        unchecked {
            uint256 pair = Slices.number(data, start, 2);
            // What is below "0" wraps around to above 9.
            uint256 tens = (pair >> 8) - 0x30;
            uint256 ones = (pair & 0xff) - 0x30;
            if (tens > 9 || ones > 9) revert BadTime(at);
            return 10 * tens + ones;
        }
    }

    function _daysIn(uint256 month, uint256 year) private pure returns (uint256) {
        if (month == 2) return _isLeap(year) ? 29 : 28;
        return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
    }

    function _isLeap(uint256 year) private pure returns (bool) {
        return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    }

    /// Days from 1 January 1970 to the first of a month.
    function _daysBefore(uint256 year, uint256 month) private pure returns (uint256 total) {
        unchecked {
            uint256 whole = year - 1;
            // 719,162 days lie before 1970 in the calendar carried back to the year 1.
            total = 365 * whole + whole / 4 - whole / 100 + whole / 400 - 719_162;
            // Days before each month of a common year, two bytes each, January first.
            // slither-disable-next-line too-many-digits: a table
            total += (0x0000001f003b005a0078009700b500d400f301110130014e >> (16 * (12 - month))) & 0xffff;
            if (month > 2 && _isLeap(year)) ++total;
        }
    }
}
