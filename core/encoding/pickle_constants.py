"""Operations of pickles that give constants: numbers and text in all their spellings."""

from __future__ import annotations

import codecs
import pickle
import struct
from typing import Any

from pypet.encoding.pickle_stack import PickleStack
from pypet.encoding.pickle_vocabulary import MalformedPickleError


class ConstantOperations(PickleStack):
    """Pushes constants."""

    def op_proto(self) -> None:
        if self._take(1)[0] > pickle.HIGHEST_PROTOCOL:
            raise MalformedPickleError("The protocol is unknown.", fails_everywhere=True)

    def op_frame(self) -> None:
        size = self._number("<Q")
        if size > len(self._raw) - self._position:
            raise MalformedPickleError("It ends too early.", fails_everywhere=True)

    def op_none(self) -> None:
        self._stack.append(None)

    def op_true(self) -> None:
        self._stack.append(True)

    def op_false(self) -> None:
        self._stack.append(False)

    def op_int(self) -> None:
        self._stack.append(self._literal(_integer))

    def op_long(self) -> None:
        self._stack.append(self._literal(lambda line: int(line.removesuffix(b"L"), 0)))

    def op_binint(self) -> None:
        self._stack.append(self._number("<i"))

    def op_binint1(self) -> None:
        self._stack.append(self._take(1)[0])

    def op_binint2(self) -> None:
        self._stack.append(self._number("<H"))

    def op_long1(self) -> None:
        self._stack.append(int.from_bytes(self._take(self._take(1)[0]), "little", signed=True))

    def op_long4(self) -> None:
        raw = self._take(self._size("<i"))
        self._stack.append(int.from_bytes(raw, "little", signed=True))

    def _size(self, form: str) -> int:
        size = self._number(form)
        if size < 0:
            raise MalformedPickleError("A size is negative.", fails_everywhere=True)
        return size

    def op_float(self) -> None:
        self._stack.append(self._literal(float))

    def op_binfloat(self) -> None:
        self._stack.append(struct.unpack(">d", self._take(8))[0])

    def _old_text(self, raw: bytes) -> Any:
        return raw if self._encoding == "bytes" else raw.decode(self._encoding)

    def op_string(self) -> None:
        self._stack.append(self._old_text(self._literal(_quoted)))

    def op_binstring(self) -> None:
        self._stack.append(self._old_text(self._take(self._size("<i"))))

    def op_short_binstring(self) -> None:
        self._stack.append(self._old_text(self._take(self._take(1)[0])))

    def op_binbytes(self) -> None:
        self._stack.append(self._take(self._number("<I")))

    def op_short_binbytes(self) -> None:
        self._stack.append(self._take(self._take(1)[0]))

    def op_binbytes8(self) -> None:
        self._stack.append(self._take(self._number("<Q")))

    def op_bytearray8(self) -> None:
        self._stack.append(bytearray(self._take(self._number("<Q"))))

    def op_unicode(self) -> None:
        self._stack.append(self._literal(lambda line: line.decode("raw-unicode-escape")))

    def _text(self, raw: bytes) -> None:
        try:
            self._stack.append(raw.decode("utf8", "surrogatepass"))
        except UnicodeDecodeError as err:
            raise MalformedPickleError(f"Text is no UTF-8: {err}", fails_everywhere=True) from err

    def op_binunicode(self) -> None:
        self._text(self._take(self._number("<I")))

    def op_short_binunicode(self) -> None:
        self._text(self._take(self._take(1)[0]))

    def op_binunicode8(self) -> None:
        self._text(self._take(self._number("<Q")))


def _integer(line: bytes) -> Any:
    if line in (b"00", b"01"):
        return line == b"01"
    return int(line, 0)


def _quoted(line: bytes) -> bytes:
    line = line.strip()
    if len(line) < 2 or line[0] != line[-1] or line[:1] not in (b'"', b"'"):
        raise ValueError("text has no quotes")
    return codecs.escape_decode(line[1:-1])[0]
