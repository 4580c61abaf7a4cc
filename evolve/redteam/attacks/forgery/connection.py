"""Does to the connection what connections allow.

Expected: as seed, invalid, crashed, timed_out
Variants: closes it, shuts it down, replaces it, sends descriptors, sends credentials, sends out of band, fills its own buffer, reads ahead, talks to itself, changes its options, listens on it
"""

import array, fcntl, socket

connection = socket.socket(fileno=os.dup(CONNECTION))
did("connection: " + VARIANT)


def disturb():
    if VARIANT == "closes it":
        os.close(CONNECTION)
        connection.close()
    elif VARIANT == "shuts it down":
        connection.shutdown(socket.SHUT_WR)
    elif VARIANT == "replaces it":
        one, other = os.pipe()
        os.dup2(other, CONNECTION)
    elif VARIANT == "sends descriptors":
        for _ in range(20):
            connection.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0] * 100))])
    elif VARIANT == "sends credentials":
        data = struct.pack("iii", 1, 0, 0)
        connection.sendmsg([b"x"], [(socket.SOL_SOCKET, 2, data)])
    elif VARIANT == "sends out of band":
        connection.send(b"x", socket.MSG_OOB)
    elif VARIANT == "fills its own buffer":
        connection.setblocking(False)
        while True:
            connection.send(bytes(4096))
    elif VARIANT == "reads ahead":
        connection.settimeout(0.1)
        connection.recv(1 << 20)
    elif VARIANT == "talks to itself":
        one, other = socket.socketpair()
        os.dup2(one.fileno(), CONNECTION)
        other.send(frame(ONE_BILLION))
    elif VARIANT == "changes its options":
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        fcntl.fcntl(CONNECTION, fcntl.F_SETOWN, os.getppid())
        fcntl.fcntl(CONNECTION, fcntl.F_SETFL, os.O_NONBLOCK | os.O_ASYNC)
    else:
        connection.listen(1)
        connection.accept()


def make(function):
    def wrapped(*arguments, **names):
        answer = function(*arguments, **names)
        if not first_call():
            return answer
        try:
            disturb()
            did("it worked: " + VARIANT)
        except OSError as error:
            held(VARIANT, errno.errorcode.get(error.errno, type(error).__name__))
        return answer

    return wrapped


wrap(make)
