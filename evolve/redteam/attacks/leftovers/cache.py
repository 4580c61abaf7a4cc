"""Keeps answers for the next process: on disk, in shared memory, in the supervisor's files.

Expected: as seed
"""

import mmap, pickle

places = [f"{folder}/{TOKEN}-answers" for folder in writable_folders()]
places += [f"/dev/shm/{TOKEN}", f"/run/{TOKEN}", f"/proc/{os.getppid()}/fd/9", f"/var/cache/{TOKEN}", f"/etc/{TOKEN}"]


def make(function):
    def wrapped(*arguments, **names):
        for path in places:
            if os.path.exists(path):
                breach("answers of an earlier process", path)
        answer = function(*arguments, **names)
        for path in places:
            try:
                with open(path, "wb") as file:
                    pickle.dump([arguments, answer], file)
                did("keep an answer in " + path.rpartition("/")[0])
                os.unlink(path)
                with open(path + "-after", "wb") as file:
                    file.write(b"x")
            except OSError as error:
                held(f"keep an answer at {path}", errno.errorcode[error.errno])
        return answer

    return wrapped


wrap(make)
