"""Answers with bytes that are no answer, in place of the guest's code.

Expected: invalid, timed_out, worse
Variants: no frame, no MessagePack, unknown code, wrong id, sizes of 4 GB, an exabyte of arrays, deep nesting, four million lists, four million dictionaries, arrays without contents, array too large, unknown type, too many dimensions, product that overflows, size that overflows, huge empty array, odd keys, same key twice, bad text, timestamp, unknown extension, trailing bytes, two frames, nothing, not a number, huge integer, buffers without arrays, boolean of 2
"""

header = lambda dtype, *shape: struct.pack(f"<BB{len(shape)}Q", dtype, len(shape), *shape)
ext = lambda content, kind=1: b"\xc7" + bytes([len(content), kind]) + content
many = lambda item, count: b"\xdd" + struct.pack(">I", count) + item * count
MESSAGES = {
    "no frame": lambda id: b"\xff" * 24,
    "no MessagePack": lambda id: frame(b"\xc1\xc1\xc1", id),
    "unknown code": lambda id: frame(b"\x90", id, code=77),
    "wrong id": lambda id: frame(ONE_BILLION, id ^ 1),
    "sizes of 4 GB": lambda id: frame(b"", id, structured=0xFFFFFFFF),
    "an exabyte of arrays": lambda id: frame(b"\x90", id, buffers=1 << 60),
    "deep nesting": lambda id: frame(b"\x91" * 100000 + b"\x90", id),
    "four million lists": lambda id: frame(many(b"\x90", 4000000), id),
    "four million dictionaries": lambda id: frame(many(b"\x80", 4000000), id),
    "arrays without contents": lambda id: frame(many(ext(header(11, 0)), 300000), id),
    "array too large": lambda id: frame(ext(header(11, 1 << 40)), id),
    "unknown type": lambda id: frame(ext(header(200, 0)), id),
    "too many dimensions": lambda id: frame(ext(bytes([11, 60]) + bytes(8 * 25)), id),
    "product that overflows": lambda id: frame(ext(header(11, 1 << 32, 1 << 32)), id),
    "size that overflows": lambda id: frame(ext(header(11, (1 << 61) + 1)), id, buffers=8) + bytes(8),
    "huge empty array": lambda id: frame(ext(header(11, 0, 1 << 62)), id),
    "odd keys": lambda id: frame(b"\x81\x01\x02", id),
    "same key twice": lambda id: frame(b"\x82\xa1a\x01\xa1a\x02", id),
    "bad text": lambda id: frame(b"\xa2\xff\xfe", id),
    "timestamp": lambda id: frame(b"\xd6\xff\x00\x00\x00\x00", id),
    "unknown extension": lambda id: frame(ext(b"xx", 5), id),
    "trailing bytes": lambda id: frame(ONE_BILLION + b"\x01", id),
    "two frames": lambda id: frame(ONE_BILLION, id) * 2,
    "nothing": lambda id: frame(b"", id),
    "not a number": lambda id: frame(b"\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00", id),
    "huge integer": lambda id: frame(b"\xcf" + b"\xff" * 8, id),
    "buffers without arrays": lambda id: frame(b"\xc0", id, buffers=1 << 20) + bytes(1 << 20),
    "boolean of 2": lambda id: frame(ext(header(0, 3)), id, buffers=16) + b"\x02\x03\x04".ljust(16, b"\0"),
}
did("send: " + VARIANT)


def answer(*arguments, **names):
    put_all(MESSAGES[VARIANT](question()))
    _sleep(1000)


wrap(lambda function: answer)
