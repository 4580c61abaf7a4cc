"""Looks for the host's environment: its own, and that of every process in sight.

Expected: as seed
"""

names = [name for name in os.environ if re.search("KEY|TOKEN|SECRET|PASSW|CREDENTIAL|EVOLVE|SSH|AWS", name)]
breach("names of secrets in the environment", names) if names else held("names of secrets in the environment", "none")
mine = str(os.getpid())
for entry in {*process_numbers(), "1", str(os.getppid()), str(CANARY["host"]), str(CANARY["process"])}:
    if entry != mine:
        try:
            content = open(f"/proc/{entry}/environ", "rb").read()
        except OSError as error:
            held(f"environment of process {entry}", errno.errorcode[error.errno])
        else:
            breach(f"environment of process {entry}", content[:40])
own = contents("/proc/self/environ").encode("latin-1")
breach("a canary in its own environment") if PATTERN.search(own) else held("a canary in its own environment", "none")
