"""Runs a command that ends when standard input does, and so with whoever holds the other end, however that one ends.

Signals are passed on as the table says: a process cannot stop itself and still listen.
"""

import os
import signal
import subprocess
import sys
import threading

PASSED_ON = {
    signal.SIGTERM: signal.SIGTERM,
    signal.SIGUSR1: signal.SIGSTOP,
    signal.SIGUSR2: signal.SIGCONT,
}


def main() -> int:
    """Run the command of the arguments; its exit code."""
    child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)

    def kill_at_the_end_of_input() -> None:
        os.read(0, 1)
        child.kill()

    for received, sent in PASSED_ON.items():
        signal.signal(received, lambda *_, sent=sent: child.send_signal(sent))
    threading.Thread(target=kill_at_the_end_of_input, daemon=True).start()
    return child.wait()


if __name__ == "__main__":
    sys.exit(main())
