"""Children that end and are never waited for.

Expected: as seed
"""

for number in range(max(1, LIMITS["processes"] // 2)):
    try:
        if os.fork() == 0:
            os._exit(0)
    except OSError as error:
        held(f"child {number}", errno.errorcode[error.errno])
did("leave children unattended")
