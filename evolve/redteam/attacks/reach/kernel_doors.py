"""Calls with a history of escapes.

Expected: as seed
"""

for name, numbers, arguments in (
    ("io_uring_setup", 425, (1, None)),
    ("io_uring_enter", 426, (-1, 0, 0, 0)),
    ("io_uring_register", 427, (-1, 0, 0, 0)),
    ("bpf", (321, 280), (0, None, 0)),
    ("perf_event_open", (298, 241), (None, 0, -1, -1, 0)),
    ("userfaultfd", (323, 282), (1,)),
    ("keyctl", (250, 219), (0, -3, 1)),
    ("add_key", (248, 217), (None, None, None, 0, -3)),
    ("request_key", (249, 218), (None, None, None, 0)),
    ("personality", (135, 92), (0x40000,)),
    ("fanotify_init", (300, 262), (0, 0)),
    ("quotactl", (179, 60), (0, None, 0, None)),
    ("acct", (163, 89), (None,)),
    ("syslog", (103, 116), (3, None, 0)),
    ("swapon", (167, 224), (None, 0)),
    ("init_module", (175, 105), (None, 0, None)),
    ("finit_module", (313, 273), (-1, None, 0)),
    ("delete_module", (176, 106), (None, 0)),
    ("kexec_load", (246, 104), (0, 0, None, 0)),
    ("iopl", (172, None), (3,)),
    ("ioperm", (173, None), (0, 1, 1)),
    ("modify_ldt", (154, None), (0, None, 0)),
    ("memfd_create", (319, 279), (None, 0)),
    ("memfd_secret", 447, (0,)),
    ("vhangup", (153, 58), ()),
    ("process_madvise", 440, (-1, None, 0, 0, 0)),
):
    if numbers is not None:
        door(name, numbers, *arguments)
