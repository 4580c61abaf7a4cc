"""Opens the kernel's own files for writing. Nothing is written.

Expected: as seed
"""

for path in (
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/kernel/modprobe",
    "/proc/sys/kernel/hostname",
    "/proc/sys/vm/drop_caches",
    "/proc/sys/kernel/randomize_va_space",
    "/proc/sysrq-trigger",
    "/proc/self/oom_score_adj_",
    "/proc/1/oom_score_adj",
    "/proc/self/attr/current_",
    "/proc/self/loginuid_",
    "/proc/sys/net/ipv4/ip_forward",
    "/proc/irq/default_smp_affinity",
    "/sys/kernel/mm/transparent_hugepage/enabled",
    "/sys/kernel/uevent_helper",
    "/sys/fs/cgroup/cgroup.procs",
    "/sys/fs/cgroup/memory/cgroup.procs",
    "/sys/fs/cgroup/release_agent",
    "/sys/fs/cgroup/pids/cgroup.procs",
    "/sys/power/state",
    "/sys/kernel/debug",
    "/sys/kernel/security",
    "/proc/acpi",
    "/proc/bus/pci",
    "/proc/scsi/scsi",
):
    attempt(f"open {path} for writing", os.open, path, os.O_WRONLY)
for path in (
    "/proc/kallsyms_",
    "/proc/kmsg",
    "/proc/kcore",
    "/proc/kpagecount",
    "/sys/kernel/debug/",
    "/proc/timer_list",
):
    attempt(f"read {path}", lambda: open(path, "rb").read(1), harmless=(b"",))


def lower():
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("-1000")
    return "lowered"


attempt("be the last to be killed for memory", lower)
