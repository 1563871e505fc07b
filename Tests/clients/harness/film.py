"""A long film that nobody holds in memory: its bytes follow from their place."""

import hashlib

from . import media

BLOCK = 1 << 20


class Film:
    """`size` bytes of QuickTime, another film for another seed."""

    def __init__(self, seed, size):
        self.size = size
        self._front = media.mov(f"film {seed}", 1000)
        self._noise = media.noise(f"film {seed}", BLOCK)

    def _block(self, index):
        front = self._front if index == 0 else index.to_bytes(8, "big")
        return front + self._noise[len(front) :]

    def pieces(self, start=0, end=None):
        """The bytes from `start` to `end`, in pieces of at most a mebibyte."""
        end = self.size if end is None else end
        while start < end:
            index, skip = divmod(start, BLOCK)
            piece = self._block(index)[skip : skip + end - start]
            yield piece
            start += len(piece)

    def sha1(self):
        running = hashlib.sha1(usedforsecurity=False)
        for piece in self.pieces():
            running.update(piece)
        return running
