"""A program whose files have names that lead out of its folder.

Expected: as seed, crashed
Files: ../TOKEN-up.py, ../../../../../../tmp/TOKEN-tmp.py, /dev/shm/TOKEN-shm.py, sub/../../TOKEN-sub.py, sitecustomize.py, usercustomize.py, evaluators.py, heapq.py, TOKEN.pth
"""


def read(path):
    with open(path, "rb") as file:
        return file.read(10)


for path in CANARY["files"]:
    attempt(f"read {path}", read, path)
    attempt(f"read {path} from here", read, "../" * 12 + path)
