"""Makes system calls by the numbers of another architecture, which a filter may not know.

Expected: crashed, as seed
Variants: x32, 32 bit
"""

import mmap

did("try the numbers of " + VARIANT)
if _ARM:
    held("another architecture", "not on this processor")
elif VARIANT == "x32":
    attempt("socket by its x32 number", syscall, 0x40000000 + 41, 1, 1, 0)
else:
    # socketcall(SYS_SOCKET, ...) and getpid() through int 0x80, where the numbers are those of i386.
    code = bytes([0x53, 0xB8, 0x14, 0, 0, 0, 0xCD, 0x80, 0x5B, 0xC3])
    try:
        page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    except OSError as error:
        held("executable memory", errno.errorcode[error.errno])
    else:
        page.write(code)
        call = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
        result = call()
        breach("getpid by its 32 bit number", result) if result == os.getpid() else held("32 bit", result)
