"""Checks of the reader of compressed values, with bytes by hand from the format's description."""

import unittest

from inflate import inflate
from wire import ProtocolError


class Inflate(unittest.TestCase):
    def test_literals_have_their_length_in_the_tag_or_behind_it(self):
        self.assertEqual(inflate(bytes([0])), b"")
        self.assertEqual(inflate(bytes([1, 0]) + b"a"), b"a")
        for length, head in [(60, [59 << 2]), (61, [60 << 2, 60]), (300, [61 << 2, 43, 1])]:
            plain = bytes(n % 251 for n in range(length))
            front = [length] if length < 128 else [length & 0x7F | 0x80, length >> 7]
            self.assertEqual(inflate(bytes(front + head) + plain), plain, length)

    def test_copies_reach_back_by_one_two_or_four_bytes(self):
        short = bytes([8, 3 << 2]) + b"abcd" + bytes([1 | 0 << 2, 4])
        self.assertEqual(inflate(short), b"abcdabcd")
        self.assertEqual(inflate(bytes([7, 3 << 2]) + b"abcd" + bytes([2 | 2 << 2, 3, 0])), b"abcdbcd")
        self.assertEqual(inflate(bytes([6, 3 << 2]) + b"abcd" + bytes([3 | 1 << 2, 2, 0, 0, 0])), b"abcdcd")

    def test_a_copy_may_overlap_with_what_it_makes(self):
        self.assertEqual(inflate(bytes([9, 0]) + b"x" + bytes([2 | 7 << 2, 1, 0])), b"x" * 9)

    def test_what_is_damaged_is_refused(self):
        damaged = [
            b"",
            bytes([0x80] * 6),
            bytes([2, 0]) + b"a",
            bytes([4, 3 << 2]) + b"abc",
            bytes([61, 60 << 2]),
            bytes([5, 0]) + b"a" + bytes([1]),
            bytes([5, 0]) + b"a" + bytes([1, 0]),
            bytes([5, 0]) + b"a" + bytes([1, 2]),
            bytes([5, 0]) + b"a" + bytes([2, 1]),
        ]
        for data in damaged:
            with self.assertRaises(ProtocolError, msg=data.hex()):
                inflate(data)


if __name__ == "__main__":
    unittest.main()
